"""The per-image table of a run, `predictions.parquet`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.disk.arrow_errors import arrow_errors
from harness.disk.atomic import write_atomically
from harness.errors import RecordError
from harness.text import first_line

if TYPE_CHECKING:
    import pyarrow as pa

PREDICTIONS_FILE = "predictions.parquet"


def read_predictions(run: Path) -> pa.Table | None:
    """Read the per-image table of a run, or None if the run has none. Raises RecordError if it is damaged."""
    path = (run if run.is_dir() else run.parent) / PREDICTIONS_FILE
    if not path.exists():
        return None
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
        table.validate(full=True)
    except arrow_errors() as error:
        reason = first_line(error)
        raise RecordError(f"{path}: damaged ({reason}); run `harness validate` again") from None
    return table


def column_fault(table: pa.Table) -> str | None:
    """Return which column has another type than the harness writes; None if all are right.

    Other columns are not checked.
    """
    import pyarrow as pa

    kinds = {"image_id": (pa.string(), pa.large_string()), "label": (pa.int32(), pa.int64())}
    names = table.column_names
    if len(set(names)) != len(names):
        return "a column appears twice"
    for name in names:
        own = kinds.get(name) or _types(pa).get(name.rpartition(".")[2] if "." in name else "")
        if own and table.schema.field(name).type not in own:
            return f"the column {name[:80]} has the type {str(table.schema.field(name).type)[:80]}"
    missing = [name for name in kinds if name not in names]
    return f"there is no column {missing[0]}" if missing else None


def _types(pa: Any) -> dict[str, tuple[Any, ...]]:
    whole, single = (pa.int32(), pa.int64()), (pa.float32(), pa.float64())
    five = tuple(pa.list_(kind, width) for kind in (*whole, *single) for width in range(1, 6))
    return {
        "top1": whole,
        "rank_of_label": whole,
        "top5": five,
        "top5_probabilities": five,
        "probability_of_label": single,
        "top1_probability": single,
        "max_abs_diff": single,
        "mean_abs_diff": single,
    }


def write_predictions(folder: Path, table: pa.Table) -> Path:
    """Write the per-image table as Parquet, atomically, and return its path."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    path = folder / PREDICTIONS_FILE
    write_atomically(path, sink.getvalue().to_pybytes())
    return path
