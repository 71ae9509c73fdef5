"""Where the features of a serialised `tf.train.Example` are in a file, found without reading its image.

The wire format is Protocol Buffers'; only the few fields of Example are known here. TensorFlow's own parser would need
every record whole, and so the whole data set once before the first image; the tests hold this one against it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

_WINDOW = 4096
_PARTS = 100_000  # of a message; a real Example has some thirty
_LENGTH_DELIMITED = 2


class WireError(ValueError):
    """The bytes are not a TFRecord of Examples."""


class Window:
    """Random access to a file through one small buffer. Not for use by two threads at once."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._start, self._data = 0, b""
        self.size = os.fstat(descriptor).st_size

    def bytes(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``. Raises WireError if the file ends before."""
        place = offset - self._start
        if place < 0 or place + length > len(self._data):
            self._start, self._data = offset, os.pread(self._descriptor, max(length, _WINDOW), offset)
            place = 0
            if len(self._data) < length:
                raise WireError("the file ends too early")
        return self._data[place : place + length]

    def varint(self, offset: int, end: int) -> tuple[int, int]:
        """Return an unsigned number of up to 64 bits and the offset behind it."""
        value = 0
        data = self.bytes(offset, min(10, end - offset, self.size - offset))
        for index, byte in enumerate(data):
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return value & 0xFFFFFFFFFFFFFFFF, offset + index + 1
        raise WireError("a number does not end")


@dataclass
class Feature:
    """One feature: where its byte strings lie (offset, length), or its integers."""

    places: list[tuple[int, int]] = field(default_factory=list)
    integers: list[int] = field(default_factory=list)


def features(window: Window, start: int, end: int, wanted: Collection[bytes]) -> dict[bytes, Feature]:
    """Return the wanted features of the Example in bytes ``start`` to ``end``. Raises WireError if it is none."""
    found: dict[bytes, Feature] = {}
    for number, kind, place, stop in _fields(window, start, end):
        if number != 1 or kind != _LENGTH_DELIMITED:
            continue
        for inner, inner_kind, entry, entry_stop in _fields(window, place, stop):
            if inner == 1 and inner_kind == _LENGTH_DELIMITED:
                _entry(window, entry, entry_stop, wanted, found)
    return found


def _entry(window: Window, start: int, end: int, wanted: Collection[bytes], found: dict[bytes, Feature]) -> None:
    key, value = b"", (0, 0)
    for number, kind, place, stop in _fields(window, start, end):
        if kind == _LENGTH_DELIMITED and number == 1:
            key = window.bytes(place, min(stop - place, 256))
            if key not in wanted:
                return
        elif kind == _LENGTH_DELIMITED and number == 2:
            value = place, stop
    feature = Feature()
    for number, kind, place, stop in _fields(window, *value):
        if kind == _LENGTH_DELIMITED and number == 1:  # bytes_list
            feature.places += [
                (inner, inner_stop - inner)
                for inner_number, inner_kind, inner, inner_stop in _fields(window, place, stop)
                if inner_number == 1 and inner_kind == _LENGTH_DELIMITED
            ]
        elif kind == _LENGTH_DELIMITED and number == 3:  # int64_list
            feature.integers += _integers(window, place, stop)
    found[key] = feature


def _integers(window: Window, start: int, end: int) -> list[int]:
    values = []
    for number, kind, place, stop in _fields(window, start, end):
        if number == 1 and kind == 0:
            values.append(_signed(window.varint(place, stop)[0]))
        elif number == 1 and kind == _LENGTH_DELIMITED:  # packed
            while place < stop and len(values) < _PARTS:
                value, place = window.varint(place, stop)
                values.append(_signed(value))
    return values


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _fields(window: Window, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield (field number, wire type, start and end of the value) of the message in bytes ``start`` to ``end``."""
    for _ in range(_PARTS):
        if start >= end:
            break
        tag, place = window.varint(start, end)
        kind = tag & 7
        if kind == 0:
            stop = window.varint(place, end)[1]
        elif kind == 1:
            stop = place + 8
        elif kind == _LENGTH_DELIMITED:
            length, place = window.varint(place, end)
            stop = place + length
        elif kind == 5:
            stop = place + 4
        else:
            raise WireError(f"the wire type {kind} is not known")
        if stop > end:
            raise WireError("a field exceeds its message")
        yield tag >> 3, kind, place, stop
        start = stop
    else:
        raise WireError("a message has too many fields")


def records(window: Window) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of every record of a TFRecord file; the checksum of each length is verified.

    Raises WireError if the file is not one, is cut off, or is damaged there.
    """
    place = 0
    while place < window.size:
        header = window.bytes(place, 12)
        length, checksum = struct.unpack("<QI", header)
        if masked_crc32c(header[:8]) != checksum:
            raise WireError(f"the length at byte {place} does not agree with its checksum")
        if place + 12 + length + 4 > window.size:
            raise WireError(f"the record at byte {place} is cut off")
        yield place + 12, place + 12 + length
        place += 12 + length + 4


def masked_crc32c(data: bytes) -> int:
    """Return the CRC-32C (RFC 3720, B.4) of a few bytes, masked as TFRecord stores it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _table() -> tuple[int, ...]:
    rows = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        rows.append(value)
    return tuple(rows)


_TABLE = _table()
