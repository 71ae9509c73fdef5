"""The per-image table of a run, `predictions.parquet`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.disk.atomic import write_atomically
from harness.errors import RecordError

if TYPE_CHECKING:
    import pyarrow as pa

PREDICTIONS_FILE = "predictions.parquet"


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
