"""Files of rows under keys; what is in them is also read by hand, from the layout that the module states."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import struct
from pathlib import Path

import numpy as np
import pytest

from harness.disk.keyed_rows import read_keyed_rows, write_keyed_rows
from harness.errors import RecordError

KEYS = tuple(hashlib.sha256(bytes([number])).digest() for number in range(6))
ROWS = np.random.default_rng(0).random((6, 7), np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_keyed_rows(tmp_path / "a.rows", KEYS, ROWS, {"a": [1, "é"]})
    return tmp_path / "a.rows"


def test_the_layout(path: Path) -> None:
    data = path.read_bytes()
    length, count, width = struct.unpack("<III", data[16:28])
    assert (count, width) == (6, 7)
    body = data[60:]
    assert json.loads(body[:length]) == {"a": [1, "é"]}
    assert body[length : length + 6 * 32] == b"".join(KEYS)
    checks, rows = body[length + 6 * 32 : length + 6 * 48], body[length + 6 * 48 + 32 :]
    assert rows == ROWS.astype("<f4").tobytes()
    for at in range(6):
        row = ROWS[at].astype("<f4").tobytes()
        assert checks[16 * at : 16 * at + 16] == hashlib.sha256(row).digest()[:16]
    assert body[length + 6 * 48 :][:32] == hashlib.sha256(rows).digest()
    assert data[28:60] == hashlib.sha256(data[16:28] + body[: -len(rows)]).digest()


@pytest.mark.parametrize("places", [[0, 1, 2, 3, 4, 5], [5, 4, 0], [2, 3, 3, 4, 0, 1], [1], []])
def test_any_rows_in_any_order(path: Path, places: list[int]) -> None:
    index = read_keyed_rows(path)
    assert index is not None
    assert (index.keys, index.width, json.loads(index.notes)) == (KEYS, 7, {"a": [1, "é"]})
    found = index.read(places)
    assert found is not None
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, ROWS[places])


def test_every_changed_byte_and_every_cut_is_noticed_by_what_it_concerns(path: Path) -> None:
    """A bit of the index spoils the file; a bit of a row spoils that row alone."""
    data = path.read_bytes()
    first_row = len(data) - ROWS.nbytes
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        index = read_keyed_rows(path)
        assert (index is None) == (place < first_row), place
        if index is not None:
            row = (place - first_row) // (4 * 7)
            assert index.read([row]) is None
            assert index.read([0, 1, 2, 3, 4, 5]) is None
            assert index.read([other for other in range(6) if other != row]) is not None
        path.write_bytes(data[:place])
        assert read_keyed_rows(path) is None
    path.write_bytes(data + b"x")
    assert read_keyed_rows(path) is None


def test_a_file_that_shrinks_or_goes_after_its_index_was_read(path: Path) -> None:
    index = read_keyed_rows(path)
    assert index is not None
    path.write_bytes(path.read_bytes()[:-1])
    assert index.read([0]) is not None
    assert index.read([5]) is None
    path.unlink()
    assert index.read([0]) is None
    assert read_keyed_rows(path) is None


def test_lengths_that_no_file_has(path: Path) -> None:
    """Made with a right checksum, so that nothing but the lengths speaks against it."""
    data = path.read_bytes()
    for lengths in ((0, 0xFFFFFFFF, 7), (0xFFFFFFFF, 6, 7), (13, 6, 0xFFFFFFFF), (13, 0, 0)):
        head = struct.pack("<III", *lengths)
        path.write_bytes(data[:16] + head + hashlib.sha256(head + data[60:]).digest() + data[60:])
        assert read_keyed_rows(path) is None


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_it_is_for_this_user_alone(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("harness.disk.atomic.os.fsync", full)
    with pytest.raises(RecordError, match="No space left on device"):
        write_keyed_rows(tmp_path / "a.rows", KEYS, ROWS, {})
    assert not list(tmp_path.iterdir())
