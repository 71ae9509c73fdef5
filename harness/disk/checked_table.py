"""Files that carry their own checksum: a damaged one is never trusted."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa

from harness.disk.arrow_errors import arrow_errors
from harness.disk.atomic import write_atomically

_MAGIC = b"harness table 1\n"


def write_table(path: Path, table: pa.Table, *, private: bool = False) -> None:
    """Write an Arrow table with a sha256 in front, atomically; ``private``: for this user alone. Raises RecordError."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    payload = sink.getvalue().to_pybytes()
    write_atomically(path, _MAGIC + hashlib.sha256(payload).digest() + payload, private=private)


def read_table(path: Path) -> pa.Table | None:
    """Read such a table; None if the file is missing, cut off, differs from its checksum, or is not valid Arrow data.

    A checksum proves that nothing was damaged, not who wrote it: the data are validated in full before they are used.
    """
    try:
        data = path.read_bytes()
    except OSError:
        return None
    start = len(_MAGIC) + hashlib.sha256().digest_size
    payload = memoryview(data)[start:]
    if not data.startswith(_MAGIC) or hashlib.sha256(payload).digest() != data[len(_MAGIC) : start]:
        return None
    try:
        table = pa.ipc.open_stream(pa.py_buffer(payload)).read_all()
        table.validate(full=True)  # else an offset beyond its buffer is a crash wherever the values are looked at
    except arrow_errors():
        return None
    return table
