"""Files of a run: written atomically, read back with words for what is wrong."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from harness.config.secrets import redact_all
from harness.disk.atomic import write_atomically
from harness.errors import RecordError
from harness.record.schema import SCHEMA_VERSION, RunRecord

if TYPE_CHECKING:
    import pyarrow as pa

RECORD_FILE = "run.json"
PREDICTIONS_FILE = "predictions.parquet"


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

    Raises RecordError where it is missing, cut off, or written by a newer harness.
    """
    path = run / RECORD_FILE if run.is_dir() else run
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RecordError(
            f"{path}: no run record there; give the folder of a run, such as reports/NAME/latest"
        ) from None
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise RecordError(f"{path}: not UTF-8 text, so no run record; give the folder of a run") from None
    try:
        data: Any = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}: cut off or no JSON ({error}); validate again") from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise RecordError(f"{path}: no run record: it has no schema_version; give the folder of a run")
    if version > SCHEMA_VERSION:
        raise RecordError(
            f"{path}: written by a newer harness (record schema {version}, this one reads up to {SCHEMA_VERSION}); "
            "upgrade the harness"
        )
    try:
        return RunRecord.model_validate(data).in_folder(path.parent)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise RecordError(f"{path}: no run record: {where}: {fault['msg']}") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def read_predictions(run: Path) -> pa.Table | None:
    """Read the per-image table of a run, or None where the run has none. Raises RecordError where it is damaged."""
    path = (run if run.is_dir() else run.parent) / PREDICTIONS_FILE
    if not path.exists():
        return None
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            return file.read()
    except (pa.ArrowException, OSError) as error:
        raise RecordError(f"{path}: damaged ({error}); validate again") from None


def write_predictions(folder: Path, table: pa.Table) -> Path:
    """Write the per-image table as Parquet, atomically, and return its path."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    path = folder / PREDICTIONS_FILE
    write_atomically(path, sink.getvalue().to_pybytes())
    return path
