"""A LiteRT file that runs only some of its operations, from tensors between them to another one.

The file is a FlatBuffer, in which references point forwards: the list of operators can be shortened where it stands,
and new lists of inputs and outputs are appended. Operators, tensors and constants stay as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.backends.litert.flatbuffer import offset, place_of, tables

_SUBGRAPHS = 2  # field of Model
_INPUTS, _OUTPUTS, _OPERATORS = 1, 2, 3  # fields of SubGraph


@dataclass(frozen=True)
class Part:
    """Operators by their places in the file, the tensors that they need from outside, and the one that they give."""

    operators: tuple[int, ...]
    inputs: tuple[int, ...]
    output: int


def part_to(output: int, operations: Sequence[Mapping[str, Any]], given: Collection[int]) -> Part:
    """Return the part that makes a tensor of those that are ``given``.

    ``operations``: as an interpreter tells them: `index`, `inputs` and `outputs`, in the order of the file.
    """
    makers = {int(tensor): each for each in operations for tensor in each["outputs"]}
    needed, taken, waiting = set[int](), set[int](), [output]
    while waiting:
        each = makers.get(waiting.pop())
        if each is None or each["index"] in needed:
            continue
        needed.add(int(each["index"]))
        for tensor in map(int, each["inputs"]):
            if tensor in given:
                taken.add(tensor)
            else:
                waiting.append(tensor)
    return Part(tuple(sorted(needed)), tuple(sorted(taken)), output)


def cut(data: bytes, part: Part) -> bytes:
    """Return the file with a part of its first graph alone. Raises struct.error, IndexError or ValueError."""
    cut_ = bytearray(data)
    view = memoryview(data)
    graph = next(tables(view, offset(view, 0), _SUBGRAPHS))
    listed = list(tables(view, graph, _OPERATORS))
    operators = place_of(view, graph, _OPERATORS)
    if operators is None:
        raise ValueError("a graph without operators")
    start = offset(view, operators)
    struct.pack_into("<I", cut_, start, len(part.operators))
    for number, operator in enumerate(part.operators):
        place = start + 4 + 4 * number
        struct.pack_into("<I", cut_, place, listed[operator] - place)
    for field, tensors in ((_INPUTS, part.inputs), (_OUTPUTS, (part.output,))):
        place_of_list = place_of(view, graph, field)
        if place_of_list is None:
            raise ValueError("a graph without inputs or outputs")
        cut_ += bytes(-len(cut_) % 4)
        struct.pack_into("<I", cut_, place_of_list, len(cut_) - place_of_list)
        cut_ += struct.pack(f"<I{len(tensors)}i", len(tensors), *tensors)
    return bytes(cut_)
