from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from harness.disk.checked_table import read_table, write_table
from harness.errors import RecordError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / "a.table"
    write_table(written, pa.table({"x": pa.array(range(100)), "y": ["word"] * 100}))
    return written


def test_read_back(path: Path) -> None:
    found = read_table(path)
    assert found is not None
    assert found.column("x").to_pylist() == list(range(100))
    assert [each.name for each in path.parent.iterdir()] == ["a.table"]


def test_missing(tmp_path: Path) -> None:
    assert read_table(tmp_path / "none") is None
    assert read_table(tmp_path) is None


def test_cut_off_anywhere(path: Path) -> None:
    data = path.read_bytes()
    for length in {0, 1, 15, 16, 17, 47, 48, 49, 100, *range(0, len(data), 97), len(data) - 1}:
        path.write_bytes(data[:length])
        assert read_table(path) is None, length


def test_one_flipped_bit_anywhere(path: Path) -> None:
    data = path.read_bytes()
    for place in {0, 15, 16, 47, 48, *range(0, len(data), 61), len(data) - 1}:
        for bit in (1, 128):
            damaged = bytearray(data)
            damaged[place] ^= bit
            path.write_bytes(damaged)
            assert read_table(path) is None, (place, bit)


def test_something_behind_it(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")
    assert read_table(path) is None


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RecordError, match="cannot be written"):
        write_table(tmp_path / "file" / "a.table", pa.table({"x": [1]}))
