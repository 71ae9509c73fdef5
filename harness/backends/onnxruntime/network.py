"""An ONNX model as a list of operations that can be compared with another framework's.

Operations are named by what they give, because nodes need no name of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.backends.observing import (
    Network,
    Operation,
    Storage,
    Verb,
    Weights,
    arithmetic,
    integer_step,
    per_channel,
)

_PASS = frozenset({
    "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Cast", "Dropout", "QuantizeLinear",
    "DequantizeLinear",
})  # fmt: skip
_VERBS: dict[str, Verb] = {
    "Add": "add", "Sub": "subtract", "Mul": "multiply", "Div": "divide", "Min": "minimum", "Max": "maximum",
}  # fmt: skip
_SHAPES = frozenset({"Shape", "Size"})
_STORED: dict[str, Storage] = {"float16": "f16", "bfloat16": "bf16"}
_LARGEST_ORDER = 64  # channels of an input


def network_of(onnx: Any, model: Any, source: str, output: str) -> Network:
    """Return the operations between an input and an output of a graph."""
    constants = _Constants(onnx, model)
    depends = {source}
    operations = []
    for node in model.graph.node:
        data = tuple(dict.fromkeys(name for name in node.input if name in depends))
        if not data or node.op_type in _SHAPES:
            continue
        depends |= set(node.output)
        operations.append(_READERS.get(node.op_type, _plain)(_Reading(onnx, node, data, constants)))
    return Network.between(operations, source, output)


class _Constants:
    """Values of what depends on constants alone, as arrays, by tensor."""

    def __init__(self, onnx: Any, model: Any) -> None:
        self._onnx = onnx
        self._protos = {item.name: item for item in model.graph.initializer}
        self._makers = {name: node for node in model.graph.node for name in node.output}
        self._values: dict[str, Any] = {}

    def value(self, name: str) -> Any:
        """Return a tensor's value; None if it is not a constant, or computed in an unknown way."""
        if name not in self._values:
            self._values[name] = None  # a circle would end here
            self._values[name] = self._found(name)
        return self._values[name]

    def _found(self, name: str) -> Any:
        if name in self._protos:
            return self._onnx.numpy_helper.to_array(self._protos[name])
        node = self._makers.get(name)
        if node is None:
            return None
        if node.op_type == "Constant":
            held = next((item for item in node.attribute if item.name == "value"), None)
            return None if held is None else self._onnx.numpy_helper.to_array(held.t)
        inputs = [self.value(item) for item in node.input]
        known = {item.name: self._onnx.helper.get_attribute_value(item) for item in node.attribute}
        if node.op_type not in _FOLDED or any(item is None for item in inputs):
            return None
        return _FOLDED[node.op_type](inputs, known)

    def stored(self, name: str) -> tuple[Storage, Any]:
        """Return how the file holds a constant; where it holds integers, these, too, in the shape of the constant."""
        node = self._makers.get(name)
        if node is not None and node.op_type == "DequantizeLinear":
            return "int", self.value(node.input[0])
        if node is not None and node.op_type in ("Identity", "Cast"):
            return self.stored(node.input[0])
        value = self.value(name)
        return ("f32" if value is None else _STORED.get(value.dtype.name, "f32")), None


def _dequantised(inputs: list[Any], known: dict[str, Any]) -> Any:
    """Return the real values: https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html."""
    stored, scale = inputs[0].astype(np.float64), inputs[1].astype(np.float64)
    zero = inputs[2].astype(np.float64) if len(inputs) > 2 else np.zeros_like(scale)
    if scale.size > 1:
        sides = [1] * stored.ndim
        sides[known.get("axis", 1)] = -1
        scale, zero = scale.reshape(sides), zero.reshape(sides)
    return ((stored - zero) * scale).astype(np.float32)


_FOLDED: dict[str, Callable[[list[Any], dict[str, Any]], Any]] = {
    "Identity": lambda inputs, _: inputs[0],
    "Cast": lambda inputs, _: inputs[0].astype(np.float32),
    "DequantizeLinear": _dequantised,
    "Transpose": lambda inputs, known: inputs[0].transpose(tuple(known["perm"])) if "perm" in known else inputs[0].T,
    "Reshape": lambda inputs, _: inputs[0].reshape(tuple(int(side) for side in inputs[1])),
    "Squeeze": lambda inputs, known: np.squeeze(
        inputs[0], tuple(np.reshape(inputs[1] if len(inputs) > 1 else known.get("axes", ()), -1).astype(int)) or None
    ),
}


class _Reading:
    """A node that is being read, with its data inputs and the values of its constant ones."""

    def __init__(self, onnx: Any, node: Any, data: tuple[str, ...], constants: _Constants) -> None:
        self.node, self.data, self.constants = node, data, constants
        self.known = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}

    def operation(self, form: Any = "other", **more: Any) -> Operation:
        return Operation(self.node.output[0], self.node.op_type, self.data, form, **more)

    def has(self, place: int) -> bool:
        return place < len(self.node.input) and bool(self.node.input[place])

    def constant(self, place: int) -> Any:
        return self.constants.value(self.node.input[place]) if self.has(place) else None

    def weights(self, place: int, turned: Callable[[Any], Any]) -> Weights | None:
        values = self.constant(place)
        if values is None:
            return None
        storage, integers = self.constants.stored(self.node.input[place])
        real = np.ascontiguousarray(turned(values), np.float32)
        return Weights(real, storage, None if integers is None else integer_step(real, turned(integers)))


def _plain(reading: _Reading) -> Operation:
    kind = reading.node.op_type
    if kind in _PASS:
        return reading.operation("pass")
    if kind == "Pad":
        return reading.operation("pad")
    if kind == "Relu":
        return reading.operation("elementwise", low=0.0)
    if kind == "Clip":
        low, high = (_limit(reading, place, name) for place, name in ((1, "min"), (2, "max")))
        return reading.operation("elementwise", low=low, high=high)
    if kind in _VERBS and len(reading.data) == 1 and len(reading.node.input) == 2:
        return _elementwise(reading)
    return reading.operation()


def _limit(reading: _Reading, place: int, name: str) -> float | None:
    value = reading.constant(place) if reading.has(place) else reading.known.get(name)
    return None if value is None else float(np.reshape(value, -1)[0])


def _elementwise(reading: _Reading) -> Operation:
    place = 0 if reading.node.input[1] in reading.data else 1
    constant = reading.constant(place)
    value = None if constant is None or constant.dtype.kind != "f" else per_channel(constant, None)
    done = None if value is None else arithmetic(_VERBS[reading.node.op_type], value, place)
    return reading.operation() if done is None else reading.operation("elementwise", **done)


def _batch_norm(reading: _Reading) -> Operation:
    found = [reading.constant(place) for place in range(1, 5)]
    if any(value is None for value in found):
        return reading.operation()
    gamma, beta, mean, variance = (np.asarray(value, np.float64) for value in found)
    factor = gamma / np.sqrt(variance + reading.known.get("epsilon", 1e-5))
    return reading.operation(
        "elementwise", factor=factor.astype(np.float32), offset=(beta - mean * factor).astype(np.float32)
    )


def _convolution(reading: _Reading) -> Operation:
    kernel = reading.constant(1)
    if kernel is None or kernel.ndim != 4:
        return reading.operation()
    sides = {name: tuple(reading.known.get(name, (1, 1))) for name in ("strides", "dilations")}
    bias = reading.constant(2)
    if reading.has(2) and bias is None:
        return reading.operation()
    offset = None if bias is None else np.asarray(bias, np.float32).reshape(-1)
    return reading.operation(
        "weighted", weights=reading.weights(1, lambda values: values), offset=offset, attributes=sides
    )


def _dense(reading: _Reading) -> Operation:
    matrix = reading.constant(1)
    known = reading.known
    if matrix is None or matrix.ndim != 2 or known.get("transA") or known.get("alpha", 1.0) != 1.0:
        return reading.operation()
    bias = reading.constant(2)
    offset = None if bias is None else np.asarray(bias, np.float32).reshape(-1) * np.float32(known.get("beta", 1.0))
    if reading.has(2) and offset is None:
        return reading.operation()
    transposed = bool(known.get("transB"))
    weights = reading.weights(1, lambda values: (values if transposed else values.T)[:, :, None, None])
    return reading.operation("weighted", weights=weights, offset=offset)


def _order(reading: _Reading) -> Operation:
    """Read a gather that only puts the channels of an input in another order."""
    index, axis = reading.constant(1), reading.known.get("axis", 0)
    if index is None or axis not in (1, 3, -1) or np.size(index) > _LARGEST_ORDER:
        return reading.operation()
    order = tuple(int(number) for number in np.reshape(index, -1))
    return reading.operation("order", order=order) if sorted(order) == list(range(len(order))) else reading.operation()


_READERS: dict[str, Callable[[_Reading], Operation]] = {
    "BatchNormalization": _batch_norm,
    "Conv": _convolution,
    "MatMul": _dense,
    "Gemm": _dense,
    "Gather": _order,
}
