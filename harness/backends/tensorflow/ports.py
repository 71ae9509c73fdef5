"""The input and outputs of a model of TensorFlow, by name, without running it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.backends.description import Tensor, shape_of

Sides = tuple[int | None, ...] | None  # None: of a free side, and of an unknown shape


@dataclass(frozen=True)
class Port:
    """An input or output: its tensor in the graph (``x:0``), its shape, and its type as TensorFlow names it."""

    tensor: str
    sides: Sides
    dtype: str


@dataclass(frozen=True)
class Ports:
    """The inputs and outputs of a model by the names that a configuration uses."""

    inputs: Mapping[str, Port]
    outputs: Mapping[str, Port]


def sides_of(tf: Any, shape: Any) -> Sides:
    """Return the sides of a TensorShapeProto or TensorShape, None if their number is unknown."""
    known = tf.TensorShape(shape)
    return None if known.rank is None else tuple(known.as_list())


def tensors(ports: Mapping[str, Port]) -> tuple[Tensor, ...]:
    """Return ports as a description has them; of several names of a tensor the first one."""
    first: dict[str, Tensor] = {}
    for name, port in ports.items():
        first.setdefault(port.tensor, Tensor(name, None if port.sides is None else shape_of(port.sides), port.dtype))
    return tuple(first.values())
