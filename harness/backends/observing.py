"""A network as a list of operations that every framework can give, and a loaded model that shows what flows in it.

The backend turns its own operations into these few forms; the comparison of two networks needs no framework.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from harness.backends.base import Pixels, Probabilities

Floats = NDArray[np.float32]
Storage = Literal["f32", "f16", "bf16", "int"]
Form = Literal["weighted", "elementwise", "pass", "pad", "order", "other"]


@dataclass(frozen=True)
class Weights:
    """The constant of a convolution or a dense layer, as float32 (out, in of a group, height, width).

    A dense layer has height and width 1. ``storage``: as the file holds it; ``step``: float32 (out,), the distance
    between two neighbouring values that it could hold, where it is quantised.
    """

    values: Floats
    storage: Storage = "f32"
    step: Floats | None = None


@dataclass(frozen=True)
class Operation:
    """One operation; constants are not operations, and what computes constants alone is none either.

    ``name``: unique in the network, as the framework has it; ``type``: the framework's word; ``inputs``: names of the
    operations whose result it takes. ``form``:

    * weighted: ``clip(factor * (weights * x) + offset)``;
    * elementwise: ``clip(factor * x + offset)``;
    * pass: the same values, perhaps in another shape or order of axes, or rounded;
    * pad: the same values with zeros around; order: the channels in another ``order``;
    * other: anything else.

    ``factor`` and ``offset``: float32 (1,) or (channels,); ``low`` and ``high``: of the clip, None if there is none.
    ``attributes``: of a convolution, what else decides on its result: strides, dilations, pads (top, left, bottom,
    right).
    """

    name: str
    type: str
    inputs: tuple[str, ...]
    form: Form = "other"
    weights: Weights | None = None
    factor: Floats | None = None
    offset: Floats | None = None
    low: float | None = None
    high: float | None = None
    order: tuple[int, ...] | None = None
    attributes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Network:
    """All operations between the input and the configured output, each behind those that it takes from.

    ``source``: the name by which operations take the input itself; ``output``: of the operation that gives the output.
    """

    operations: tuple[Operation, ...]
    source: str
    output: str

    @classmethod
    def between(cls, operations: Sequence[Operation], source: str, output: str) -> Self:
        """Return the network of those operations that the output needs; they come in an order in which they can run."""
        needed = {output}
        for operation in reversed(operations):
            if operation.name in needed:
                needed |= set(operation.inputs)
        return cls(tuple(operation for operation in operations if operation.name in needed), source, output)

    def by_name(self) -> dict[str, Operation]:
        """Return the operations by their names."""
        return {operation.name: operation for operation in self.operations}

    def consumers(self) -> dict[str, list[Operation]]:
        """Return, for the name of each operation and the source, the operations that take from it."""
        found: dict[str, list[Operation]] = {}
        for operation in self.operations:
            for name in dict.fromkeys(operation.inputs):
                found.setdefault(name, []).append(operation)
        return found


class Observer(abc.ABC):
    """A loaded model and its network; use as a context manager.

    ``cuts``: whether the network can be cut into parts that are fed by the caller.
    """

    network: Network
    cuts: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abc.abstractmethod
    def answers(self, pixels: Pixels) -> Probabilities:
        """Return the model's output without any observation, float32 (n, outputs)."""

    @abc.abstractmethod
    def activations(self, pixels: Pixels, names: Sequence[str]) -> dict[str, Floats]:
        """Return the outputs of the named operations, by name, float32 (n, ...) in the model's own layout.

        ``pixels``: as for ``Backend.infer``. Observing the operations may change the model's output.
        """

    def parts(self, pixels: Pixels, fed: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return the output of each operation in ``fed``, while its consumers get the fed values instead.

        ``fed``: float32 (n, ...) by the operation's name, of the shape that ``activations`` returns.
        """
        raise NotImplementedError

    @abc.abstractmethod
    def close(self) -> None:
        """Free the model."""


Verb = Literal["add", "subtract", "multiply", "divide", "minimum", "maximum"]


def arithmetic(verb: Verb, constant: Floats, place: int) -> dict[str, Any] | None:
    """Return an operation with one constant as fields of an elementwise operation; None for another one.

    ``constant``: (1,) or (channels,); ``place``: which operand it is, 0 or 1.
    """
    one = np.ones(1, np.float32)
    if verb == "add":
        return {"offset": constant}
    if verb == "subtract":
        return {"factor": -one, "offset": constant} if place == 0 else {"offset": -constant}
    if verb == "multiply":
        return {"factor": constant}
    if verb == "divide":
        return {"factor": one / constant} if place == 1 else None
    if constant.size != 1:
        return None
    return {"high" if verb == "minimum" else "low": float(constant[0])}


def per_channel(values: Any, rank: int | None, axis: int | None = None) -> Floats | None:
    """Return a constant operand as (1,) or (channels,); None for another shape.

    ``rank``: of the tensor that it meets, where known: what has one long axis holds a value for each channel only if
    that axis is the channels' (``axis``, counted from the end, negative; None: any axis).
    """
    array = np.asarray(values, np.float32)
    long = [place - array.ndim for place, side in enumerate(array.shape) if side != 1]
    if len(long) > 1 or (long and axis is not None and long[0] != axis):
        return None
    if rank is not None and array.ndim > rank:
        return None
    return array.reshape(-1)


def integer_step(real: NDArray[Any], stored: NDArray[Any]) -> Floats:
    """Return the step of quantised weights, float32 (out,), from real values and stored integers, both (out, ...)."""
    flat, whole = real.reshape(len(real), -1), stored.reshape(len(stored), -1).astype(np.float64)
    span = whole.max(axis=1) - whole.min(axis=1)
    reach = flat.max(axis=1).astype(np.float64) - flat.min(axis=1)
    return np.asarray(np.where(span > 0, reach / np.where(span > 0, span, 1), 0), np.float32)
