"""Tables of a FlatBuffer, as .tflite files are: https://flatbuffers.dev/internals/. Read without a framework.

Every function raises struct.error, ValueError, IndexError or UnicodeDecodeError for bytes that are none.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator


def place_of(data: memoryview, table: int, field: int) -> int | None:
    """Return where a field of a table stands; None if the table does not have it."""
    layout = table - unpack("<i", data, table)
    place = 4 + 2 * field
    if place + 2 > unpack("<H", data, layout):
        return None
    distance = unpack("<H", data, layout + place)
    return table + distance if distance else None


def number(data: memoryview, table: int, field: int, form: str = "<I", default: int = 0) -> int:
    """Return a number in a field of a table; ``form``: its type, as ``struct`` writes it."""
    place = place_of(data, table, field)
    return default if place is None else unpack(form, data, place)


def text(data: memoryview, table: int, field: int) -> str:
    """Return a text in a field of a table."""
    place = place_of(data, table, field)
    if place is None:
        return ""
    start = offset(data, place)
    length = unpack("<I", data, start)
    return str(data[start + 4 : start + 4 + length], "utf-8")


def tables(data: memoryview, table: int, field: int) -> Iterator[int]:
    """Yield where the tables stand that a field of a table lists."""
    place = place_of(data, table, field)
    if place is None:
        return
    start = offset(data, place)
    count = unpack("<I", data, start)
    if count > len(data) // 4:
        raise ValueError("more entries than bytes")
    for index in range(count):
        yield offset(data, start + 4 + 4 * index)


def numbers(data: memoryview, table: int, field: int) -> tuple[int, ...]:
    """Return the whole numbers of 32 bits that a field of a table lists."""
    place = place_of(data, table, field)
    if place is None:
        return ()
    start = offset(data, place)
    count = unpack("<I", data, start)
    if count > len(data) // 4:
        raise ValueError("more entries than bytes")
    return struct.unpack_from(f"<{count}i", data, start + 4)


def offset(data: memoryview, place: int) -> int:
    """Return where the reference at a place points."""
    return place + unpack("<I", data, place)


def unpack(form: str, data: memoryview, place: int) -> int:
    """Return the whole number at a place; ``form``: its type, as ``struct`` writes it."""
    if place < 0:
        raise ValueError("before the first byte")
    return int(struct.unpack_from(form, data, place)[0])
