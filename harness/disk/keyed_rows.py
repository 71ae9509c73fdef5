"""Rows of numbers under 32-byte keys in one file; the index and every row carry a checksum of their own.

A file is written once and never changed. Its index tells what is in it without reading the rows, and any of the rows
can be read without the others. Layout, little-endian: magic, lengths, sha256 of lengths and index, index, rows. The
index: notes (JSON), keys, a checksum of each row, sha256 of all rows, so that those who read all of them compute one.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.disk.atomic import replacing

KEY_BYTES = 32
_MAGIC = b"harness rows 1\n\0"
_LENGTHS = struct.Struct("<III")  # bytes of the notes, rows, numbers per row
_DIGEST = hashlib.sha256().digest_size
_CHECK = 16  # bytes of a row's checksum
_HEAD = len(_MAGIC) + _LENGTHS.size + _DIGEST
MOST_ROWS = _MOST_NOTES = 1 << 20

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class KeyedRows:
    """The index of such a file. ``width``: numbers per row; ``notes``: JSON text that was written with the rows."""

    path: Path
    width: int
    notes: bytes
    keys: tuple[bytes, ...]
    _checks: bytes
    _all: bytes
    _start: int

    def read(self, places: Sequence[int]) -> Rows | None:
        """Return rows, float32 (len(places), width), in the order of ``places``.

        None if one of them is missing or differs from its checksum.
        """
        found = np.empty((len(places), self.width), "<f4")
        size = 4 * self.width
        try:
            handle = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError:
            return None
        try:
            with os.fdopen(handle, "rb", buffering=0) as stream:
                data = found.reshape(-1).view(np.uint8).data
                for first, count in _runs(places):
                    stream.seek(self._start + places[first] * size)
                    if not _fill(stream, data[first * size : (first + count) * size]):
                        return None
        except OSError:
            return None
        if len(places) == len(self.keys) and next(_runs(places))[1] == len(places):
            return found.astype(np.float32, copy=False) if hashlib.sha256(data).digest() == self._all else None
        checks = (self._checks[_CHECK * place : _CHECK * (place + 1)] for place in places)
        same = all(
            _check(data[at : at + size]) == check for at, check in zip(range(0, len(data), size), checks, strict=True)
        )
        return found.astype(np.float32, copy=False) if same else None


def write_keyed_rows(path: Path, keys: Sequence[bytes], rows: Rows, notes: Any) -> None:
    """Write a file for this user alone; a reader sees the whole file or none. ``rows``: (len(keys), width).

    Raises RecordError if it cannot be written.
    """
    plain = np.ascontiguousarray(rows, "<f4")
    text = json.dumps(notes).encode()
    data = plain.reshape(-1).view(np.uint8).data
    size = 4 * plain.shape[1]
    checks = (_check(data[at : at + size]) for at in range(0, len(data), size))
    lengths = _LENGTHS.pack(len(text), len(keys), plain.shape[1])
    index = b"".join((text, *keys, *checks, hashlib.sha256(data).digest()))
    with replacing(path, private=True) as stream:
        stream.write(_MAGIC + lengths + hashlib.sha256(lengths + index).digest() + index)
        stream.write(data)


def read_keyed_rows(path: Path) -> KeyedRows | None:
    """Read the index of such a file; None if it is missing, cut off, of another form, or differs from its checksum.

    A checksum proves that nothing was damaged, not who wrote it: lengths are compared with the file's size before
    anything is read.
    """
    try:
        with path.open("rb") as stream:
            whole = os.fstat(stream.fileno()).st_size
            head = stream.read(_HEAD)
            if len(head) < _HEAD or not head.startswith(_MAGIC):
                return None
            lengths = head[len(_MAGIC) : -_DIGEST]
            notes, count, width = _LENGTHS.unpack(lengths)
            index_bytes = notes + count * (KEY_BYTES + _CHECK) + _DIGEST
            if (
                notes > _MOST_NOTES
                or count > MOST_ROWS
                or not width
                or _HEAD + index_bytes + 4 * width * count != whole
            ):
                return None
            index = stream.read(index_bytes)
    except OSError:
        return None
    if len(index) < index_bytes or hashlib.sha256(lengths + index).digest() != head[-_DIGEST:]:
        return None
    checks_at = notes + count * KEY_BYTES
    keys = tuple(index[at : at + KEY_BYTES] for at in range(notes, checks_at, KEY_BYTES))
    return KeyedRows(path, width, index[:notes], keys, index[checks_at:-_DIGEST], index[-_DIGEST:], _HEAD + index_bytes)


def _check(row: memoryview) -> bytes:
    """Return what tells that a row is the one that was written; which key it has is in the index."""
    return hashlib.sha256(row).digest()[:_CHECK]


def _runs(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield (first, count) of stretches of ``places`` that follow each other in the file, so that each is one read."""
    first = 0
    for at in range(1, len(places) + 1):
        if at == len(places) or places[at] != places[at - 1] + 1:
            yield first, at - first
            first = at


def _fill(stream: Any, into: memoryview) -> bool:
    done = 0
    while done < len(into):
        count = stream.readinto(into[done:])
        if not count:
            return False
        done += count
    return True
