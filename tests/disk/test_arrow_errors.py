from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.disk.arrow_errors import arrow_errors


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + bytes(40) + b"PAR1", b"ARROW1\0\0" + b"\xff" * 64])
def test_what_is_no_table_raises_one_of_them(data: bytes) -> None:
    for read in (pq.read_table, lambda source: pa.ipc.open_file(source).read_all()):
        with pytest.raises(arrow_errors()):
            read(pa.BufferReader(data))


@pytest.mark.parametrize("kind", [pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError, MemoryError, IndexError])
def test_what_readers_raise_is_among_them(kind: type[Exception]) -> None:
    assert issubclass(kind, arrow_errors())


def test_a_bug_of_ones_own_is_not() -> None:
    assert not issubclass(AttributeError, arrow_errors())
