"""Check that a converted model keeps the accuracy of the original, image by image.

from harness import load_config, validate
record = validate(load_config("configs/demo.yml"))
record.exit_code, record.to_pandas()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["load_config", "validate"]

if TYPE_CHECKING:
    from harness.config import load_config
    from harness.engine.session import validate


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, so that ``harness --help`` stays fast."""
    if name == "load_config":
        from harness.config import load_config

        return load_config
    if name == "validate":
        from harness.engine.session import validate

        return validate
    raise AttributeError(f"module 'harness' has no attribute '{name}'")
