"""Structs in a MATLAB 5.0 file, as the devkit's `meta.mat` has them.

The format is published: MATLAB, MAT-File Format, "Level 5 MAT-Files". SciPy's reader ends by a signal on some damaged
files; this one reads numbers and text of one struct array, and nothing else.
"""

from __future__ import annotations

import itertools
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Value = float | str | None  # a scalar, a text, or what is neither

_HEADER = 128
_LARGEST = 1 << 26  # bytes of a variable once inflated; the devkit's has 400 kB
_MOST_VALUES = 1_000_000
_MATRIX, _COMPRESSED = 14, 15
_STRUCT, _CHAR, _NUMERIC = 2, 4, range(6, 16)
_NUMBERS = {1: "b", 2: "B", 3: "h", 4: "H", 5: "i", 6: "I", 7: "f", 9: "d", 12: "q", 13: "Q"}
_TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16-le", 16: "utf-8", 17: "utf-16-le"}


class MatError(ValueError):
    """A file is not a MATLAB 5.0 file, is damaged, or has no such variable."""


@dataclass(frozen=True)
class _Reader:
    """The elements of a piece of a file."""

    data: memoryview

    def elements(self) -> Iterator[tuple[int, memoryview]]:
        """Yield type and content of each element."""
        place = 0
        while place + 8 <= len(self.data):
            kind, size = struct.unpack_from("<II", self.data, place)
            if small := kind >> 16:  # size, type and content in eight bytes
                kind, size, start, room = kind & 0xFFFF, small, place + 4, 4
            else:
                start, room = place + 8, len(self.data) - place - 8
            if size > room:
                raise MatError("damaged: an element is larger than its place")
            yield kind, self.data[start : start + size]
            place = start + (size if kind == _COMPRESSED else (size + 7) // 8 * 8) if not small else place + 8

    def numbers(self, kind: int, data: memoryview) -> tuple[float, ...]:
        """Return the numbers of an element. Raises MatError if it has another type."""
        letter = _NUMBERS.get(kind)
        if letter is None:
            raise MatError(f"numbers of the unknown type {kind}")
        count = len(data) // struct.calcsize(letter)
        return struct.unpack_from(f"<{count}{letter}", data)

    def text(self, kind: int, data: memoryview) -> str:
        """Return the text of an element. Raises MatError if it is none."""
        encoding = _TEXTS.get(kind)
        if encoding is None:
            raise MatError(f"text of the unknown type {kind}")
        return bytes(data).decode(encoding, "replace")


def read_structs(data: bytes, variable: str, fields: Sequence[str]) -> list[tuple[Value, ...]]:
    """Return the wanted fields of each struct of the array called ``variable``. Raises MatError."""
    if not data.startswith(b"MATLAB 5.0") or data[126:_HEADER] != b"IM":
        raise MatError("not a MATLAB 5.0 file with the least significant byte first")
    try:
        for kind, content in _Reader(memoryview(data)[_HEADER:]).elements():
            found = _variable(_Reader(content), kind, variable, fields)
            if found is not None:
                return found
    except MatError:
        raise
    except (struct.error, zlib.error, StopIteration, IndexError, OverflowError, ValueError) as error:
        raise MatError(f"damaged: {error}") from None
    raise MatError(f"no variable {variable}")


def _variable(reader: _Reader, kind: int, variable: str, fields: Sequence[str]) -> list[tuple[Value, ...]] | None:
    if kind == _COMPRESSED:
        inflated = zlib.decompressobj().decompress(reader.data, _LARGEST)
        kind, content = next(_Reader(memoryview(inflated)).elements())
        reader = _Reader(content)
    if kind != _MATRIX:
        return None
    parts = reader.elements()
    flags = reader.numbers(*next(parts))
    sides = reader.numbers(*next(parts))
    if reader.text(*next(parts)) != variable or int(flags[0]) & 0xFF != _STRUCT:
        return None
    return _structs(reader, parts, math.prod(map(int, sides)), fields)


def _structs(
    reader: _Reader, parts: Iterator[tuple[int, memoryview]], count: int, fields: Sequence[str]
) -> list[tuple[Value, ...]]:
    (length,) = reader.numbers(*next(parts))[:1]
    _, written = next(parts)
    step = int(length)
    if not 0 < step <= 1024 or count < 0 or count * len(written) // step > _MOST_VALUES:
        raise MatError("damaged: implausible sizes")
    texts = (bytes(written[start : start + step]) for start in range(0, len(written), step))
    names = [text.partition(b"\0")[0].decode("latin-1") for text in texts]
    if missing := [field for field in fields if field not in names]:
        raise MatError(f"no field {missing[0]}")
    rows = []
    for _ in range(count):
        elements = dict(zip(names, itertools.islice(parts, len(names)), strict=True))
        rows.append(tuple([_value(*elements[field]) for field in fields]))
    return rows


def _value(kind: int, data: memoryview) -> Value:
    """Return a scalar or a text; None for anything else."""
    if kind != _MATRIX or not len(data):
        return None
    inner = _Reader(data)
    parts = inner.elements()
    array_class = int(inner.numbers(*next(parts))[0]) & 0xFF
    next(parts), next(parts)  # its sides, its name
    content = next(parts, None)
    if content is None:
        return None
    if array_class == _CHAR:
        return inner.text(*content)
    numbers = inner.numbers(*content) if array_class in _NUMERIC else ()
    return float(numbers[0]) if len(numbers) == 1 else None
