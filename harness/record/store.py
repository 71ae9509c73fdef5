"""The files of a run: the record `run.json`, and the per-image table next to it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from harness.config.secrets import redact_all
from harness.disk.atomic import write_atomically
from harness.disk.versioned_json import FileKind, read_versioned_json
from harness.errors import RecordError
from harness.record.predictions import PREDICTIONS_FILE, read_predictions, write_predictions
from harness.record.schema import SCHEMA_VERSION, RunRecord

RECORD_FILE = "run.json"
__all__ = ["PREDICTIONS_FILE", "read_predictions", "read_record", "to_json", "write_predictions", "write_record"]
_KIND = FileKind(
    name="run record",
    newest=SCHEMA_VERSION,
    missing="give the folder of a run, such as reports/NAME/latest",
    other="give the folder of a run",
    damaged="validate again",
    error=RecordError,
)


def write_record(folder: Path, record: RunRecord) -> Path:
    """Write ``run.json`` atomically and return its path."""
    path = folder / RECORD_FILE
    # A byte of a name that is not UTF-8 is a lone surrogate to Python; its escape is what JSON has for it.
    write_atomically(path, to_json(record).encode("utf-8", "backslashreplace"))
    return path


def to_json(record: RunRecord) -> str:
    """Return the record as JSON text; a number that is not finite becomes ``null``, a secret ``***``."""
    plain = redact_all(_finite(record.model_dump(mode="json")))
    return json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_record(run: Path) -> RunRecord:
    """Read a record from a run folder or a ``run.json``.

    Raises RecordError if it is missing, damaged, or written by a newer harness.
    """
    path = run / RECORD_FILE if run.is_dir() else run
    return read_versioned_json(path, _KIND, RunRecord).in_folder(path.parent)
