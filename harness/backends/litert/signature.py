"""The names that a LiteRT file's signature gives to its tensors, read without a framework.

A .tflite file is a FlatBuffer (https://flatbuffers.dev/internals/); the fields are those of LiteRT's schema,
https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

_SUBGRAPHS, _SIGNATURES = 2, 7  # fields of Model
_TENSORS = 0  # of SubGraph
_TENSOR_NAME = 3  # of Tensor
_INPUTS, _OUTPUTS, _SUBGRAPH_INDEX = 0, 1, 4  # of SignatureDef
_NAME, _TENSOR_INDEX = 0, 1  # of TensorMap


def signature_names(model: Path) -> dict[str, str]:
    """Return name in the signature -> name of the tensor; empty where there is no signature or the file is broken.

    Where several signatures use a name, the first one counts.
    """
    try:
        return _names(memoryview(model.read_bytes()))
    except (OSError, struct.error, IndexError, UnicodeDecodeError, ValueError):
        return {}


def may_loop(model: Path) -> bool:
    """Return whether a model may have a loop: more than one graph, since a loop's body is one of its own."""
    try:
        data = memoryview(model.read_bytes())
        return len(list(_tables(data, _offset(data, 0), _SUBGRAPHS))) > 1
    except (OSError, struct.error, ValueError):
        return False


def _names(data: memoryview) -> dict[str, str]:
    root = _offset(data, 0)
    graphs = list(_tables(data, root, _SUBGRAPHS))
    names: dict[str, str] = {}
    for signature in _tables(data, root, _SIGNATURES):
        tensors = list(_tables(data, graphs[_number(data, signature, _SUBGRAPH_INDEX)], _TENSORS))
        for kind in (_INPUTS, _OUTPUTS):
            for entry in _tables(data, signature, kind):
                tensor = tensors[_number(data, entry, _TENSOR_INDEX)]
                names.setdefault(_text(data, entry, _NAME), _text(data, tensor, _TENSOR_NAME))
    return names


def _field(data: memoryview, table: int, field: int) -> int | None:
    """Return where a field of a table stands; None where the table does not have it."""
    layout = table - _unpack("<i", data, table)
    place = 4 + 2 * field
    if place + 2 > _unpack("<H", data, layout):
        return None
    offset = _unpack("<H", data, layout + place)
    return table + offset if offset else None


def _number(data: memoryview, table: int, field: int) -> int:
    place = _field(data, table, field)
    return 0 if place is None else _unpack("<I", data, place)


def _text(data: memoryview, table: int, field: int) -> str:
    place = _field(data, table, field)
    if place is None:
        return ""
    start = _offset(data, place)
    length = _unpack("<I", data, start)
    return str(data[start + 4 : start + 4 + length], "utf-8")


def _tables(data: memoryview, table: int, field: int) -> Iterator[int]:
    place = _field(data, table, field)
    if place is None:
        return
    start = _offset(data, place)
    count = _unpack("<I", data, start)
    if count > len(data) // 4:
        raise ValueError("more entries than bytes")
    for index in range(count):
        yield _offset(data, start + 4 + 4 * index)


def _offset(data: memoryview, place: int) -> int:
    return place + _unpack("<I", data, place)


def _unpack(form: str, data: memoryview, place: int) -> int:
    if place < 0:
        raise ValueError("before the first byte")
    return int(struct.unpack_from(form, data, place)[0])
