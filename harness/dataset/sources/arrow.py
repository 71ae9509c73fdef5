"""Arrow files as the `datasets` library of Hugging Face keeps them in its cache: a stream or file of record batches.

They are mapped into memory and not read as a whole; every batch is validated before anything in it is used, since
offsets in a damaged file may point anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.dataset.labels.class_names import ByName, classes_by_name
from harness.dataset.remote.mirror import present
from harness.dataset.sources.arrow_columns import (
    Rows,
    append_rows,
    encoded,
    image_bytes,
    image_column,
    label_column,
    missing_columns,
)
from harness.dataset.sources.identity import distinct_names
from harness.dataset.sources.pictures import Pictures, file_signature
from harness.dataset.sources.shard_files import empty_shards
from harness.disk.arrow_errors import arrow_errors
from harness.errors import DatasetError
from harness.text import first_line


def open_arrow(
    files: Sequence[Path], notes: tuple[str, ...] = (), class_names: Sequence[str] | None = None
) -> Pictures:
    """Return the rows of the files, in their order.

    Raises DatasetError if a file is damaged or has no such columns.
    """
    by_name = classes_by_name(class_names)
    rows = Rows()
    places: list[tuple[int, Any, int]] = []  # file, images of the batch, row in it
    for index, path in enumerate(files):
        for images in _batches(path, rows, by_name):
            places += [(index, images, row) for row in range(len(images))]
    names = rows.names
    if not names:
        raise DatasetError(f"{files[0]}: no row in the files")

    notes += empty_shards(files, {file for file, _, _ in places})

    def read(row: int) -> bytes:
        _, images, place = places[row]
        return encoded(images[place])

    def signature(row: int) -> str:
        return f"{file_signature(files[places[row][0]])}:{row}"

    names = distinct_names(names, [f"{files[places[row][0]].name}:{row}" for row in range(len(names))], read)
    source = "the label column of the Arrow files"
    return Pictures("parquet", names, read, signature, rows.labels, source, wnids=rows.wnids, notes=notes)


def _batches(path: Path, rows: Rows, by_name: ByName) -> list[Any]:
    """Return the images of each batch of a file, and append the names and classes of its rows."""
    import pyarrow as pa

    present(path)
    try:
        with path.open("rb") as stream:
            is_file = stream.read(6) == b"ARROW1"
        mapped = pa.memory_map(str(path))
        reader = pa.ipc.open_file(mapped) if is_file else pa.ipc.open_stream(mapped)
        column, label = image_column(reader.schema, path), label_column(reader.schema, path)
        if column is None or label is None:
            raise missing_columns(reader.schema, path)
        batches = [reader.get_batch(at) for at in range(reader.num_record_batches)] if is_file else list(reader)
        found = []
        for batch in batches:
            batch.validate(full=True)
            append_rows(path, batch, column, label, rows, by_name)
            found.append(image_bytes(batch[column.name], column))
    except arrow_errors() as error:
        raise DatasetError(f"{path}: cannot be read as an Arrow file: {first_line(error)}") from None
    return found
