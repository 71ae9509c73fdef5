"""The YAML configuration: schema, loading, and the files that it names.

A public name is imported at its first use: the command line needs ``config.secrets`` alone, and no pydantic.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.config.files import require_calibration, require_files
    from harness.config.load import load_config
    from harness.config.schema import Candidate, Config, Dataset, Gates, Input, Preprocess, Published, Reference

__all__ = [
    "Candidate",
    "Config",
    "Dataset",
    "Gates",
    "Input",
    "Preprocess",
    "Published",
    "Reference",
    "load_config",
    "require_calibration",
    "require_files",
]
_MODULES = {"require_calibration": "files", "require_files": "files", "load_config": "load"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'harness.config' has no attribute '{name}'")
    return getattr(importlib.import_module(f"harness.config.{_MODULES.get(name, 'schema')}"), name)
