"""An OpenVINO model as a list of operations that can be compared with another framework's."""

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

_PASS = frozenset({"Convert", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "FakeQuantize", "ConvertLike"})
_VERBS: dict[str, Verb] = {
    "Add": "add", "Subtract": "subtract", "Multiply": "multiply", "Divide": "divide", "Minimum": "minimum",
    "Maximum": "maximum",
}  # fmt: skip
_SHAPES = frozenset({"ShapeOf"})
_STORED: dict[str, Storage] = {"f16": "f16", "bf16": "bf16"}
_LARGEST_ORDER = 64  # channels of an input


def network_of(model: Any, source: Any, output: Any) -> Network:
    """Return the operations between an input (ov.Output) and an output of a model with static shapes."""
    constants = _Constants()
    depends = {source.get_node().get_friendly_name()}
    operations = []
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind in ("Parameter", "Constant", "Result") or kind in _SHAPES or constants.knows(node):
            continue
        data = tuple(
            dict.fromkeys(
                item.get_node().get_friendly_name()
                for item in node.input_values()
                if item.get_node().get_friendly_name() in depends
            )
        )
        if data:
            depends.add(node.get_friendly_name())
            operations.append(_READERS.get(kind, _plain)(_Reading(node, data, constants)))
    last = output.get_node().input_value(0).get_node().get_friendly_name()
    return Network.between(operations, source.get_node().get_friendly_name(), last)


class _Constants:
    """Evaluates what depends on constants alone; shapes count as constants, since they are fixed."""

    def __init__(self) -> None:
        self._known: dict[str, bool] = {}
        self._values: dict[str, Any] = {}

    def knows(self, node: Any) -> bool:
        """Return whether a node depends on constants alone."""
        name = node.get_friendly_name()
        if name not in self._known:
            kind = node.get_type_name()
            inputs = node.input_values()
            self._known[name] = (
                kind == "Constant"
                or (kind in _SHAPES and node.get_input_partial_shape(0).is_static)
                or (bool(inputs) and all(self.knows(item.get_node()) for item in inputs))
            )
        return self._known[name]

    def value(self, port: Any) -> Any:
        """Return the value of an output of such a node, real numbers as float32; None if unknown."""
        node = port.get_node()
        name = node.get_friendly_name()
        key = f"{name}:{port.get_index()}"
        if key not in self._values:
            if node.get_type_name() == "Constant":
                kind = port.get_element_type()
                self._values[key] = np.array(node.get_data(dtype=np.float32 if kind.is_real() else np.int64))
            elif node.get_type_name() in _SHAPES:
                self._values[key] = np.array(list(node.get_input_shape(0)), np.int64)
            else:
                for place, value in enumerate(self._evaluated(node)):
                    self._values[f"{name}:{place}"] = value
        return self._values.get(key)

    def _evaluated(self, node: Any) -> list[Any]:
        import openvino as ov

        inputs = [(item.get_element_type(), self.value(item)) for item in node.input_values()]
        if any(value is None for _, value in inputs):
            return []
        if node.get_type_name() == "Convert" and node.get_element_type().is_real():  # f16, bf16 and 4 bits, too
            return [np.asarray(inputs[0][1], np.float32)]
        try:
            given = [ov.Tensor(np.ascontiguousarray(value.astype(kind.to_dtype()))) for kind, value in inputs]
            outputs = [ov.Tensor(item.get_element_type(), item.get_shape()) for item in node.outputs()]
            done = node.evaluate(outputs, given)
        except (RuntimeError, TypeError, ValueError):
            return []
        real = [tensor.get_element_type().is_real() for tensor in outputs]
        found = [np.array(tensor.data) for tensor in outputs] if done else []
        return [
            value.astype(np.float32 if is_real else np.int64) for value, is_real in zip(found, real, strict=bool(done))
        ]

    def storage(self, port: Any) -> tuple[Storage, Any]:
        """Return how a file holds a constant; where it holds integers, these, too, in the constant's shape."""
        node = port.get_node()
        kind = node.get_type_name()
        if kind == "Constant":
            element = port.get_element_type()
            if element.is_real():
                return _STORED.get(element.to_string(), "f32"), None
            return "int", self.value(port)
        if kind == "FakeQuantize":
            return "int", _levels(
                node, self.value(node.input_value(0)), [self.value(node.input_value(n)) for n in range(1, 5)]
            )
        largest = max(node.input_values(), key=lambda item: int(np.prod(item.get_shape())), default=None)
        if largest is None:
            return "f32", None
        stored, integers = self.storage(largest)
        if integers is not None and kind in ("Reshape", "Transpose", "Squeeze", "Unsqueeze"):
            integers = _moved(node, integers, port, self)
        return stored, integers


def _moved(node: Any, integers: Any, port: Any, constants: _Constants) -> Any:
    """Return integers after what only changes shape or order of axes."""
    if node.get_type_name() == "Transpose":
        return integers.transpose(tuple(constants.value(node.input_value(1)).reshape(-1)))
    return integers.reshape(tuple(port.get_shape()))


def _levels(node: Any, values: Any, limits: list[Any]) -> Any:
    """Return which level of a FakeQuantize each value is on: https://docs.openvino.ai, operation FakeQuantize-1."""
    if values is None or any(limit is None for limit in limits):
        return None
    low, high = limits[0].astype(np.float64), limits[1].astype(np.float64)
    span = np.where(high > low, high - low, 1)
    steps = node.get_attributes()["levels"] - 1
    return np.rint((np.clip(values, low, high) - low) / span * steps)


class _Reading:
    """A node that is being read, with its data inputs and the means to know its constant ones."""

    def __init__(self, node: Any, data: tuple[str, ...], constants: _Constants) -> None:
        self.node, self.data, self.constants = node, data, constants
        self.kind = node.get_type_name()

    def operation(self, form: Any = "other", **more: Any) -> Operation:
        return Operation(self.node.get_friendly_name(), self.kind, self.data, form, **more)

    def constant(self, place: int) -> Any:
        port = self.node.input_value(place)
        return self.constants.value(port) if self.constants.knows(port.get_node()) else None

    def weights(self, place: int, turned: Callable[[Any], Any]) -> Weights | None:
        """Return a constant as weights; ``turned``: gives (out, in, height, width) of it."""
        values = self.constant(place)
        if values is None:
            return None
        storage, integers = self.constants.storage(self.node.input_value(place))
        real = np.ascontiguousarray(turned(values), np.float32)
        whole = None if integers is None or integers.shape != values.shape else turned(integers)
        return Weights(real, storage, None if whole is None else integer_step(real, whole))


def _plain(reading: _Reading) -> Operation:
    if reading.kind in _PASS:
        return reading.operation("pass")
    if reading.kind == "Pad":
        return reading.operation("pad")
    if reading.kind in ("Relu", "Clamp"):
        attributes = reading.node.get_attributes() if reading.kind == "Clamp" else {"min": 0.0}
        high = attributes.get("max")
        return reading.operation(
            "elementwise", low=float(attributes["min"]), high=None if high is None else float(high)
        )
    if reading.kind in _VERBS and len(reading.data) == 1:
        return _elementwise(reading)
    return reading.operation()


def _elementwise(reading: _Reading) -> Operation:
    place = next((number for number in (0, 1) if reading.constant(number) is not None), None)
    if place is None:
        return reading.operation()
    value = per_channel(reading.constant(place), len(reading.node.get_output_shape(0)))
    done = None if value is None else arithmetic(_VERBS[reading.kind], value, place)
    return reading.operation() if done is None else reading.operation("elementwise", **done)


def _convolution(reading: _Reading) -> Operation:
    def turned(kernel: Any) -> Any:
        if reading.kind == "GroupConvolution":
            return kernel.reshape(-1, *kernel.shape[2:])
        return kernel

    if len(reading.node.get_input_shape(1)) - (reading.kind == "GroupConvolution") != 4:
        return reading.operation()
    weights = reading.weights(1, turned)
    if weights is None:
        return reading.operation()
    found = reading.node.get_attributes()
    sides = {name: tuple(int(side) for side in found[name]) for name in ("strides", "dilations")}
    return reading.operation("weighted", weights=weights, attributes=sides)


def _dense(reading: _Reading) -> Operation:
    attributes = reading.node.get_attributes()
    if len(reading.node.get_input_shape(1)) != 2 or attributes["transpose_a"]:
        return reading.operation()

    def turned(matrix: Any) -> Any:
        return (matrix if attributes["transpose_b"] else matrix.T)[:, :, None, None]

    weights = reading.weights(1, turned)
    return reading.operation() if weights is None else reading.operation("weighted", weights=weights)


def _order(reading: _Reading) -> Operation:
    """Read a gather that only puts the channels of an input in another order."""
    index, axis = reading.constant(1), reading.constant(2)
    sides = list(reading.node.get_input_shape(0))
    if index is None or axis is None or np.size(axis) != 1:
        return reading.operation()
    place = int(np.reshape(axis, -1)[0]) % len(sides)
    channels = sides[place]
    order = tuple(int(number) % channels for number in np.reshape(index, -1)) if channels <= _LARGEST_ORDER else ()
    if place not in (1, len(sides) - 1) or sorted(order) != list(range(channels)):
        return reading.operation()
    return reading.operation("order", order=order)


_READERS: dict[str, Callable[[_Reading], Operation]] = {
    "Convolution": _convolution,
    "GroupConvolution": _convolution,
    "MatMul": _dense,
    "Gather": _order,
}
