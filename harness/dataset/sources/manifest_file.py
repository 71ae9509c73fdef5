"""One's own data set: a CSV or Parquet file of paths and labels; the paths are below the file's own folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.dataset.labels.list_file import read_list
from harness.dataset.labels.listing import CLASS_COLUMNS, NAME_COLUMNS, Line, classes_of, safe_name
from harness.dataset.labels.table import LabelTable
from harness.dataset.remote.mirror import expect, present
from harness.dataset.sources.arrow_columns import wnid_column
from harness.dataset.sources.listed import resolve
from harness.dataset.sources.pictures import Pictures, whole_files
from harness.disk.arrow_errors import arrow_errors
from harness.errors import DatasetError
from harness.text import first_line

_ROWS = 50_000_000


def read_parquet_list(path: Path) -> list[Line]:
    """Read names and classes from the columns of a Parquet file. Raises DatasetError if it has none."""
    import pyarrow.parquet as pq

    present(path)
    try:
        opened = pq.ParquetFile(path)
        columns = {name.lower(): name for name in opened.schema_arrow.names}
        name = next((columns[item] for item in NAME_COLUMNS if item in columns), None)
        label = next((columns[item] for item in CLASS_COLUMNS if item in columns), None)
        if name is None or label is None or opened.metadata.num_rows > _ROWS:
            raise DatasetError(
                f"{path}: expected a column of names ({', '.join(NAME_COLUMNS[:4])}, ...) and one of classes "
                f"({', '.join(CLASS_COLUMNS[:3])}, ...); it has {', '.join(columns)[:200]}"
            )
        _require_text(opened.schema_arrow, name, "names of images", path)
        _require_text(opened.schema_arrow, label, "classes", path)
        beside = wnid_column(opened.schema_arrow, label)
        wanted = [name, label, *([beside] if beside else [])]
        table = opened.read(columns=wanted, use_threads=False)
        table.validate(full=True)  # offsets of a damaged file may point anywhere
    except arrow_errors() as error:
        raise DatasetError(f"{path}: cannot be read as Parquet: {first_line(error)}") from None
    wnids = table[beside].to_pylist() if beside else [None] * table.num_rows
    rows = zip(table[name].to_pylist(), table[label].to_pylist(), wnids, strict=True)
    return [
        Line(safe_name(str(key), f"{path}:{row}", absolute=True), str(value), row, None if wnid is None else str(wnid))
        for row, (key, value, wnid) in enumerate(rows, start=1)
    ]


def _require_text(schema: Any, name: str, what: str, path: Path) -> None:
    import pyarrow as pa

    if schema.names.count(name) > 1:
        raise DatasetError(f"{path}: the column {name} appears twice; write the file again with one of them")
    kind = schema.field(name).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    binary = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)
    if pa.types.is_nested(kind) or isinstance(kind, pa.BaseExtensionType) or any(test(kind) for test in binary):
        raise DatasetError(f"{path}: the column {name} contains {str(kind)[:80]}, where {what} are needed")


def open_manifest(path: Path, class_names: Sequence[str] | None = None, *, may_miss: bool = False) -> Pictures:
    """Return the images that a CSV or Parquet file lists, in its order.

    Raises DatasetError if it cannot be used, or images are not there; if they ``may_miss``, only if all are not.
    """
    if path.suffix == ".parquet":
        lines = read_parquet_list(path)
        classes = classes_of(path, lines, class_names)
        wnids = [line.wnid for line in lines]
        table = LabelTable(str(path), [line.name for line in lines], classes, wnids=wnids)
    else:
        table = read_list(path, class_names)
    if not table.names:
        raise DatasetError(
            f"{path}: lists no image"
            + ("; set dataset.path to the images and dataset.labels to this list" if table.by_order else "")
        )
    folder = path.parent
    expect(path, table.names)
    table, missing = resolve(folder, table)
    names = list(table.names)
    if missing and not (may_miss and len(missing) < len(names)):
        more = ", ..." if len(missing) > 5 else ""
        raise DatasetError(
            f"{path}: {len(missing)} of {len(names)} images are not below {folder}: {', '.join(missing[:5])}{more}. "
            "Paths are relative to the list's folder; or set dataset.path to the images and dataset.labels to the list"
        )
    read, signature = whole_files(folder, names)
    return Pictures("manifest", names, read, signature, table.classes, str(path), wnids=table.wnids, notes=table.notes)
