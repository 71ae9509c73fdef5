"""The fields of a protocol buffer's message, as an .onnx file is one, read without a framework.

The encoding is https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator

DEEPEST = 64  # graphs in attributes of nodes in graphs; real models have two or three levels
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def fields(message: memoryview) -> Iterator[tuple[int, memoryview | int | None]]:
    """Yield (field number, value) of a message: bytes, a whole number, None for a number of fixed size.

    Raises ValueError if it is none.
    """
    at, end = 0, len(message)
    while at < end:
        tag, at = varint(message, at)
        wire, number = tag & 7, tag >> 3
        value: memoryview | int | None = None
        if wire == _VARINT:
            value, at = varint(message, at)
        elif wire == _FIXED64:
            at += 8
        elif wire == _FIXED32:
            at += 4
        elif wire == _BYTES:
            size, at = varint(message, at)
            value = message[at : at + size]
            at += size
        else:
            raise ValueError("not a protobuf message")
        if at > end or number == 0:
            raise ValueError("cut off")
        yield number, value


def varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the whole number at a place, and the place behind it. Raises ValueError if there is none."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("cut off")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("not a protobuf message")
