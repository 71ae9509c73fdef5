"""The index of a checkpoint, read without TensorFlow, which ends the process on one that says something impossible.

A sorted table of LevelDB (https://github.com/google/leveldb/blob/main/doc/table_format.md) whose values are those of
tensorflow/core/protobuf/tensor_bundle.proto: which tensor lies where in the files of values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.backends.wire import fields, varint

_FOOTER, _MAGIC = 48, bytes.fromhex("57fb808b247547db")
_TRAILER = 5  # bytes behind a block: its compression, and a checksum
_SHARDS = 1  # of BundleHeaderProto
_TYPE, _SHAPE, _SHARD, _OFFSET, _SIZE, _SLICES = 1, 2, 3, 4, 5, 7  # of BundleEntryProto
_SIDE, _UNKNOWN_RANK, _LENGTH = 2, 3, 1  # of TensorShapeProto and its Dim
_EXTENT, _START, _EXTENT_LENGTH = 1, 1, 2  # of TensorSliceProto and its Extent
_DEEPEST = 254  # axes of a tensor of TensorFlow
_LARGEST = 2**62  # bytes

# Bytes of a value by its type (DataType of tensorflow/core/framework/types.proto); None: of no fixed length.
_WIDTHS: Mapping[int, int | None] = {
    **dict.fromkeys((4, 6, 10, 11, 12, 24, 25), 1),
    **dict.fromkeys((5, 14, 15, 16, 17, 19), 2),
    **dict.fromkeys((1, 3, 13, 22), 4),
    **dict.fromkeys((2, 8, 9, 23), 8),
    **dict.fromkeys((18,), 16),
    **dict.fromkeys((7, 20, 21), None),
}


@dataclass(frozen=True)
class Entry:
    """A tensor of a checkpoint. ``size``: of its values in bytes, 0 where their length is not fixed by the type."""

    shape: tuple[int, ...]
    size: int


def read_index(index: Path, shards: Mapping[int, int]) -> dict[str, Entry]:
    """Return the tensors of a checkpoint by name.

    ``shards``: bytes of each file of values that is there. Raises ValueError, with the reason, for an index that is
    damaged, and OSError.
    """
    data = memoryview(index.read_bytes())
    if len(data) < _FOOTER or data[-8:] != _MAGIC:
        raise ValueError("its end is missing")
    footer = data[-_FOOTER:]
    _, at = _handle(footer, 0)
    (place, length), _ = _handle(footer, at)
    table: dict[bytes, memoryview] = {}
    for _, value in _entries(_block(data, place, length)):
        handle, _ = _handle(value, 0)
        for key, content in _entries(_block(data, *handle)):
            if table and key <= next(reversed(table)):
                raise ValueError("its names are out of order")
            table[key] = content
    if b"" not in table:
        raise ValueError("it has no header")
    files = int(_whole(table.pop(b""), _SHARDS))
    found = {}
    for key, content in table.items():
        entry, is_sliced = _entry(content, files, shards)
        if not key.startswith(b"\x00"):  # those are slices, which their tensor lists
            found[key.decode()] = entry
        elif is_sliced:
            raise ValueError("a slice has slices")
    return found


def _handle(data: memoryview, at: int) -> tuple[tuple[int, int], int]:
    place, at = varint(data, at)
    length, at = varint(data, at)
    return (place, length), at


def _block(data: memoryview, place: int, length: int) -> memoryview:
    if place + length + _TRAILER > len(data) or data[place + length] != 0:
        raise ValueError("a block of it is missing, or compressed")
    return data[place : place + length]


def _entries(block: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield key and value; a key leaves out what it shares with the one before, except at a place to begin at."""
    count = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (count + 1)
    if len(block) < 4 or end < 0 or count == 0:
        raise ValueError("a block of it is cut off")
    starts = {int.from_bytes(block[end + 4 * each : end + 4 * each + 4], "little") for each in range(count)}
    at, key, begins = 0, b"", set()
    while at < end:
        begin = at
        shared, at = varint(block, at)
        own, at = varint(block, at)
        length, at = varint(block, at)
        if shared > len(key) or at + own + length > end:
            raise ValueError("a name of it is cut off")
        if shared == 0:
            begins.add(begin)
        key = key[:shared] + bytes(block[at : at + own])
        yield key, block[at + own : at + own + length]
        at += own + length
    if not starts <= begins | {0}:
        raise ValueError("a block of it begins between two names")


def _entry(content: memoryview, files: int, shards: Mapping[int, int]) -> tuple[Entry, bool]:
    """Return a tensor, and whether it is in slices."""
    kind, shard, offset, size = (int(_whole(content, number)) for number in (_TYPE, _SHARD, _OFFSET, _SIZE))
    shape, slices = _shape(content), _parts(content, _SLICES)
    if kind not in _WIDTHS:
        raise ValueError(f"a value has the unknown type {kind}")
    width = _WIDTHS[kind]
    wanted = math.prod(shape) * (width or 0)
    if wanted > _LARGEST:
        raise ValueError("a value is larger than any file")
    for part in slices:
        _require_slice(part, shape)
    if not slices:
        if not 0 <= shard < files or shard not in shards or offset + size > shards[shard]:
            raise ValueError("a value is outside the files of values; they may be cut off")
        if width is not None and size != wanted:
            raise ValueError(f"a value of {wanted} bytes is stored in {size}")
    return Entry(shape, wanted), bool(slices)


def _shape(content: memoryview) -> tuple[int, ...]:
    sides = []
    for part in _parts(content, _SHAPE):
        if _whole(part, _UNKNOWN_RANK):
            raise ValueError("a value has no shape")
        sides += [_whole(side, _LENGTH) for side in _parts(part, _SIDE)]
    if len(sides) > _DEEPEST or any(side >= 2**63 for side in sides):
        raise ValueError("a value has an impossible shape")
    return tuple(sides)


def _require_slice(part: memoryview, shape: tuple[int, ...]) -> None:
    extents = _parts(part, _EXTENT)
    if len(extents) != len(shape):
        raise ValueError("a slice has other axes than its value")
    for extent, side in zip(extents, shape, strict=True):
        if _whole(extent, _START) + _whole(extent, _EXTENT_LENGTH) > side:
            raise ValueError("a slice leads out of its value")


def _parts(message: memoryview, wanted: int) -> list[memoryview]:
    return [value for number, value in fields(message) if number == wanted and isinstance(value, memoryview)]


def _whole(message: memoryview, wanted: int) -> int:
    """Return a whole number of a message, 0 where it has none: the last one counts, as in TensorFlow."""
    found = 0
    for number, value in fields(message):
        if number == wanted:
            if not isinstance(value, int):
                raise ValueError("not a checkpoint's index")
            found = value
    return found
