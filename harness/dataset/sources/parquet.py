"""Parquet as Hugging Face ships it: columns `image: {bytes, path}` and `label`, in one file or a folder of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.dataset.labels.class_names import ByName, classes_by_name
from harness.dataset.remote.mirror import present
from harness.dataset.sources.arrow_columns import (
    ImageColumn,
    Rows,
    append_rows,
    encoded,
    image_bytes,
    image_column,
    label_column,
    missing_columns,
    wnid_column,
)
from harness.dataset.sources.identity import distinct_names
from harness.dataset.sources.pictures import Pictures, file_signature
from harness.dataset.sources.shard_files import empty_shards
from harness.disk.arrow_errors import arrow_errors
from harness.errors import DatasetError
from harness.text import first_line

_KEPT_BYTES = 256 << 20  # of row groups in memory; at least two are kept, so that readers at a border do not fight
_LARGEST_GROUP = 1 << 30


@dataclass
class _Groups:
    """Row groups read on demand, the last few kept. Any thread may ask; one reads at a time."""

    files: Sequence[Path]
    columns: Sequence[ImageColumn]  # of each file
    groups: Sequence[tuple[int, int, int]]  # file, row group, first row
    _kept: OrderedDict[int, Any] = field(default_factory=OrderedDict)
    _open: dict[int, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def bytes(self, group: int, row: int) -> bytes:
        with self._lock:
            column = self._kept.get(group)
            if column is None:
                column = self._kept[group] = self._read(group)
                while len(self._kept) > 2 and sum(item.nbytes for item in self._kept.values()) > _KEPT_BYTES:
                    self._kept.popitem(last=False)
            else:
                self._kept.move_to_end(group)
        return encoded(column[row])

    def _read(self, group: int) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        file, number, _ = self.groups[group]
        try:
            if file not in self._open:
                self._open.clear()  # one file open at a time
                present(self.files[file])
                self._open[file] = pq.ParquetFile(self.files[file])
            column = self.columns[file]
            wanted = [f"{column.name}.bytes" if column.is_struct else column.name]
            table = self._open[file].read_row_group(number, columns=wanted, use_threads=False)
            table.validate(full=True)  # offsets of a damaged file may point anywhere
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise OSError(f"row group {number} of {self.files[file].name}: {first_line(error)}") from None
        return image_bytes(table[column.name], column)


def open_parquet(
    files: Sequence[Path], notes: tuple[str, ...] = (), class_names: Sequence[str] | None = None
) -> Pictures:
    """Return the rows of the files, in their order.

    Raises DatasetError if a file is damaged, has no such columns, or has row groups too large to read one by one.
    """
    rows = Rows()
    names = rows.names
    by_name = classes_by_name(class_names)
    groups: list[tuple[int, int, int]] = []
    source = ""
    columns = []
    for index, path in enumerate(files):
        opened, column, label = _open(path)
        source = label
        columns.append(column)
        for number in range(opened.metadata.num_row_groups):
            size = opened.metadata.row_group(number).total_byte_size
            if size > _LARGEST_GROUP:
                raise DatasetError(
                    f"{path}: row group {number} has {size:,} bytes, too many to be read at once; write the file "
                    "again with row groups of a few hundred images"
                )
            groups.append((index, number, len(names)))
            _append(path, opened, number, column, label, rows, by_name)
    if not names:
        raise DatasetError(f"{files[0]}: no row in the files")
    notes += empty_shards(files, {file for file, number, first in groups if first < len(names)})
    return _pictures(files, rows, groups, columns, source, notes)


def _pictures(
    files: Sequence[Path],
    rows: Rows,
    groups: list[tuple[int, int, int]],
    columns: Sequence[ImageColumn],
    source: str,
    notes: tuple[str, ...],
) -> Pictures:
    import numpy as np

    names = rows.names
    named = any("/" in name or "." in name for name in names[:100])
    starts = np.array([start for _, _, start in groups])
    reader = _Groups(files, columns, groups)
    if not named:
        notes += (f"{files[0].parent}: the rows have no image.path, so images are named by file and row",)

    def place(row: int) -> int:
        return int(np.searchsorted(starts, row, "right")) - 1

    def read(row: int) -> bytes:
        group = place(row)
        return reader.bytes(group, row - groups[group][2])

    def signature(row: int) -> str:
        return f"{file_signature(files[groups[place(row)][0]])}:{row}"

    names = distinct_names(names, [f"{files[groups[place(row)][0]].name}:{row}" for row in range(len(names))], read)
    return Pictures("parquet", names, read, signature, rows.labels, f"column {source}", wnids=rows.wnids, notes=notes)


def _open(path: Path) -> tuple[Any, ImageColumn, str]:
    import pyarrow.parquet as pq

    present(path)
    try:
        opened = pq.ParquetFile(path)
        schema = opened.schema_arrow
    except arrow_errors() as error:
        raise DatasetError(f"{path}: cannot be read as Parquet: {first_line(error)}") from None
    column, label = image_column(schema, path), label_column(schema, path)
    if column is None or label is None:
        raise missing_columns(schema, path)
    return opened, column, label


def _append(path: Path, opened: Any, number: int, column: ImageColumn, label: str, rows: Rows, by_name: ByName) -> None:
    beside = wnid_column(opened.schema_arrow, label)
    try:
        wanted = [label, *([beside] if beside else []), *([f"{column.name}.path"] if column.has_path else [])]
        table = opened.read_row_group(number, columns=wanted, use_threads=False)
        table.validate(full=True)
    except arrow_errors() as error:
        raise DatasetError(f"{path}: row group {number}: {first_line(error)}") from None
    append_rows(path, table, column, label, rows, by_name)
