"""Parquet as Hugging Face ships it: columns `image: {bytes, path}` and `label`, in one file or a folder of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.dataset.labels.listing import safe_name
from harness.dataset.sources.identity import distinct_names
from harness.dataset.sources.pictures import LARGEST_IMAGE, Pictures
from harness.errors import DatasetError

_KEPT_BYTES = 256 << 20  # of row groups in memory; at least two are kept, so that readers at a border do not fight
_LARGEST_GROUP = 1 << 30
_LABELS = ("label", "labels", "fine_label", "class")


@dataclass
class _Groups:
    """Row groups read on demand, the last few kept. Any thread may ask; one reads at a time."""

    files: Sequence[Path]
    column: str
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
        value = column[row].as_py()
        if value is None:
            raise OSError("no bytes in its row")
        if len(value) > LARGEST_IMAGE:
            raise OSError(f"{len(value):,} bytes are more than the {LARGEST_IMAGE:,} that an image may have")
        return bytes(value)

    def _read(self, group: int) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        file, number, _ = self.groups[group]
        try:
            if file not in self._open:
                self._open.clear()  # one file open at a time
                self._open[file] = pq.ParquetFile(self.files[file])
            column = self._open[file].read_row_group(number, columns=[f"{self.column}.bytes"], use_threads=False)
        except pa.ArrowException as error:
            raise OSError(f"row group {number} of {self.files[file].name}: {str(error).splitlines()[0]}") from None
        struct = column[self.column].combine_chunks()
        struct = struct.chunk(0) if isinstance(struct, pa.ChunkedArray) else struct
        return struct.field("bytes")


def open_parquet(files: Sequence[Path], notes: tuple[str, ...] = ()) -> Pictures:
    """Return the rows of the files, in their order.

    Raises DatasetError where a file is damaged, has no such columns, or has row groups too large to read one by one.
    """
    names: list[str] = []
    labels: list[int] = []
    groups: list[tuple[int, int, int]] = []
    source = column = ""
    for index, path in enumerate(files):
        opened, column, label = _open(path)
        source = label
        for number in range(opened.metadata.num_row_groups):
            size = opened.metadata.row_group(number).total_byte_size
            if size > _LARGEST_GROUP:
                raise DatasetError(
                    f"{path}: row group {number} has {size:,} bytes, and is only read whole; write the file again with "
                    "row groups of a few hundred images"
                )
            groups.append((index, number, len(names)))
            _rows(path, opened, number, column, label, names, labels)
    if not names:
        raise DatasetError(f"{files[0]}: no row in the files")
    return _pictures(files, names, labels, groups, column, source, notes)


def _pictures(
    files: Sequence[Path],
    names: list[str],
    labels: list[int],
    groups: list[tuple[int, int, int]],
    column: str,
    source: str,
    notes: tuple[str, ...],
) -> Pictures:
    import numpy as np

    named = any("/" in name or "." in name for name in names[:100])
    starts = np.array([start for _, _, start in groups])
    reader = _Groups(files, column, groups)
    if not named:
        notes += (f"{files[0].parent}: the rows have no image.path; images are called by file and row",)

    def place(row: int) -> int:
        return int(np.searchsorted(starts, row, "right")) - 1

    def read(row: int) -> bytes:
        group = place(row)
        return reader.bytes(group, row - groups[group][2])

    def signature(row: int) -> str:
        status = files[groups[place(row)][0]].stat()
        return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}:{row}"

    names = distinct_names(names, [f"{files[groups[place(row)][0]].name}:{row}" for row in range(len(names))], read)
    return Pictures("parquet", names, read, signature, labels, f"column {source}", notes=notes)


def image_column(schema: Any) -> str | None:
    """Return the name of the column of structs with `bytes`, or None."""
    import pyarrow as pa

    for field_ in schema:
        if pa.types.is_struct(field_.type) and field_.type.get_field_index("bytes") >= 0:
            return str(field_.name)
    return None


def _open(path: Path) -> tuple[Any, str, str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        opened = pq.ParquetFile(path)
        schema = opened.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"{path}: cannot be read as Parquet: {str(error).splitlines()[0]}") from None
    column = image_column(schema)
    label = next((name for name in _LABELS if name in schema.names), None)
    if column is None or label is None or not pa.types.is_integer(schema.field(label).type):
        raise DatasetError(
            f"{path}: wanted are the columns `image: {{bytes, path}}` and `label` (whole numbers); "
            f"it has {', '.join(schema.names)[:200]}"
        )
    return opened, column, label


def _rows(path: Path, opened: Any, number: int, column: str, label: str, names: list[str], labels: list[int]) -> None:
    import pyarrow as pa

    has_path = opened.schema_arrow.field(column).type.get_field_index("path") >= 0
    try:
        table = opened.read_row_group(
            number, columns=[label, *([f"{column}.path"] if has_path else [])], use_threads=False
        )
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"{path}: row group {number}: {str(error).splitlines()[0]}") from None
    values = table[label].to_pylist()
    paths = [(item or {}).get("path") for item in table[column].to_pylist()] if has_path else [None] * len(values)
    for value, name in zip(values, paths, strict=True):
        place = f"{path.name}:{len(names)}"
        if value is None or value < 0:
            raise DatasetError(f"{place}: no label ({value}); this split has none, take that of the validation set")
        names.append(safe_name(name, place) if name else place)
        labels.append(int(value))
