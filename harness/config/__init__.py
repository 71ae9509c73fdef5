"""The YAML configuration: schema, loading, and the files that it names."""

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
