"""A TensorFlow graph as a list of operations that can be compared with another framework's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from harness.backends.observing import Floats, Network, Operation, Verb, Weights, arithmetic, per_channel

_PASS = frozenset({
    "Identity", "Reshape", "Squeeze", "ExpandDims", "Cast", "StopGradient", "PreventGradient", "Transpose", "IdentityN",
    "CheckNumerics", "FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxArgs", "FakeQuantWithMinMaxVarsPerChannel",
    "PlaceholderWithDefault", "EnsureShape", "SpaceToBatchND", "BatchToSpaceND",
})  # fmt: skip
_PADS = frozenset({"Pad", "PadV2", "MirrorPad"})
_CLIPS: dict[str, tuple[float | None, float | None]] = {"Relu": (0.0, None), "Relu6": (0.0, 6.0)}
_NORMALISES = frozenset({"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"})
_VERBS: dict[str, Verb] = {
    "Add": "add", "AddV2": "add", "BiasAdd": "add", "Sub": "subtract", "Mul": "multiply", "Div": "divide",
    "RealDiv": "divide", "Minimum": "minimum", "Maximum": "maximum",
}  # fmt: skip
_SHAPES = frozenset({"Shape", "ShapeN", "Size", "Rank"})
_LARGEST_ORDER = 64  # channels of an input


def network_of(session: Any, graph_def: Any, source: str, output: str) -> Network:
    """Return the operations between two nodes of a graph that has no functions.

    ``session``: evaluates what depends on constants alone; ``source``: the node that gives what the model is fed.
    """
    nodes = {node.name: node for node in graph_def.node}
    ordered, touched = _depending(nodes, source, output)
    taken = {tensor for node in ordered.values() for tensor in _inputs(node)}
    values = _values(session, sorted(tensor for tensor in taken if _bare(tensor) not in touched))
    operations = []
    for node in ordered.values():
        data = tuple(
            dict.fromkeys(_bare(name) for name in _inputs(node) if _bare(name) in ordered or _bare(name) == source)
        )
        constants = {place: values[name] for place, name in enumerate(_inputs(node)) if name in values}
        reading = _Reading(session.graph, node, data, constants)
        operations.append(_READERS.get(node.op, _plain)(reading))
    return Network(tuple(operations), source, output)


def _inputs(node: Any) -> list[str]:
    return [name if ":" in name else f"{name}:0" for name in node.input if not name.startswith("^")]


def _bare(tensor: str) -> str:
    return tensor.rpartition(":")[0]


def _depending(nodes: Mapping[str, Any], source: str, output: str) -> tuple[dict[str, Any], set[str]]:
    """Return the nodes on the ways from the source to the output, in an order in which they can run.

    Also the names of all that cannot be known without the source, so with the nodes that take no more of it than its
    shape.
    """
    touched, depends, seen = {source}, {source}, {source}
    order: list[str] = []
    waiting: list[tuple[str, bool]] = [(output, False)]
    while waiting:
        name, done = waiting.pop()
        before = [_bare(tensor) for tensor in _inputs(nodes[name])] if name != source else []
        if done:
            if not touched.isdisjoint(before):
                touched.add(name)
            if not depends.isdisjoint(before) and nodes[name].op not in _SHAPES:
                depends.add(name)
                order.append(name)
        elif name not in seen:
            seen.add(name)
            waiting.append((name, True))
            waiting += [(other, False) for other in reversed(before)]
    return {name: nodes[name] for name in order}, touched


def _values(session: Any, tensors: list[str]) -> dict[str, Any]:
    known = [name for name in tensors if session.graph.get_tensor_by_name(name).dtype.is_numpy_compatible]
    return dict(zip(known, session.run(known), strict=True)) if known else {}


class _Reading:
    """A node that is being read: its data inputs, and its constant operands by their place."""

    def __init__(self, graph: Any, node: Any, data: tuple[str, ...], constants: Mapping[int, Any]) -> None:
        self.node, self.data, self.constants = node, data, constants
        shape = graph.get_tensor_by_name(f"{data[0]}:0").shape if data else None
        self.shape: list[int | None] | None = None if shape is None or shape.rank is None else shape.as_list()

    def operation(self, form: Any = "other", **more: Any) -> Operation:
        return Operation(self.node.name, self.node.op, self.data, form, **more)

    def text(self, name: str, default: str = "") -> str:
        return self.node.attr[name].s.decode() if name in self.node.attr else default

    def sides(self, name: str) -> tuple[int, ...]:
        """Return a list of one number for each axis as those of height and width."""
        numbers = tuple(int(value) for value in self.node.attr[name].list.i) or (1, 1, 1, 1)
        return numbers[2:4] if self.text("data_format") == "NCHW" else numbers[1:3]

    def operand(self, place: int) -> Floats | None:
        """Return a constant operand as one number for each channel, or one for all."""
        if place not in self.constants or not np.issubdtype(np.asarray(self.constants[place]).dtype, np.floating):
            return None
        return per_channel(self.constants[place], None if self.shape is None else len(self.shape))


def _plain(reading: _Reading) -> Operation:
    kind = reading.node.op
    if kind in _PASS:
        return reading.operation("pass")
    if kind in _PADS:
        return reading.operation("pad")
    if kind in _CLIPS:
        low, high = _CLIPS[kind]
        return reading.operation("elementwise", low=low, high=high)
    if kind in _VERBS and len(reading.data) == 1 and len(reading.constants) == 1:
        return _elementwise(reading)
    return reading.operation()


def _elementwise(reading: _Reading) -> Operation:
    (place,) = reading.constants
    value = reading.operand(place)
    done = None if value is None else arithmetic(_VERBS[reading.node.op], value, place)
    return reading.operation() if done is None else reading.operation("elementwise", **done)


def _batch_norm(reading: _Reading) -> Operation:
    found = [np.asarray(reading.constants[place], np.float64) for place in range(1, 5) if place in reading.constants]
    if len(found) != 4:
        return reading.operation()
    gamma, beta, mean, variance = found
    factor = gamma / np.sqrt(variance + reading.node.attr["epsilon"].f)
    return reading.operation(
        "elementwise", factor=factor.astype(np.float32), offset=(beta - mean * factor).astype(np.float32)
    )


def _convolution(reading: _Reading) -> Operation:
    if 1 not in reading.constants:
        return reading.operation()
    kernel = np.asarray(reading.constants[1])
    if reading.node.op == "DepthwiseConv2dNative":
        height, width, channels, multiplier = kernel.shape
        values = kernel.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
    else:
        values = kernel.transpose(3, 2, 0, 1)
    attributes = {"strides": reading.sides("strides"), "dilations": reading.sides("dilations")}
    return reading.operation("weighted", weights=_weights(values), attributes=attributes)


def _dense(reading: _Reading) -> Operation:
    if 1 not in reading.constants or reading.node.attr["transpose_a"].b:
        return reading.operation()
    matrix = np.asarray(reading.constants[1])
    if matrix.ndim != 2:
        return reading.operation()
    transposed = reading.node.attr["transpose_b"].b or reading.node.attr["adj_y"].b
    values = matrix if transposed else matrix.T
    return reading.operation("weighted", weights=_weights(values[:, :, None, None]))


def _weights(values: Any) -> Weights:
    storage: Any = {"float16": "f16", "bfloat16": "bf16"}.get(values.dtype.name, "f32")
    return Weights(np.ascontiguousarray(values, np.float32), storage)


def _order(reading: _Reading) -> Operation:
    """Read what turns the channels of an input round: a reversal of the last axis, or a gather along it."""
    axis = reading.constants.get(1 if reading.node.op == "ReverseV2" else 2)
    sides = reading.shape
    if axis is None or not sides or np.asarray(axis).size != 1:
        return reading.operation()
    place = int(np.asarray(axis).reshape(-1)[0]) % len(sides)
    channels = sides[place]
    if place not in (len(sides) - 1, 1) or channels is None or channels > _LARGEST_ORDER:
        return reading.operation()
    if reading.node.op == "ReverseV2":
        return reading.operation("order", order=tuple(range(channels))[::-1])
    index = np.asarray(reading.constants.get(1, ())).reshape(-1)
    if sorted(index.tolist()) != list(range(channels)):
        return reading.operation()
    return reading.operation("order", order=tuple(int(number) for number in index))


_READERS: dict[str, Callable[[_Reading], Operation]] = {
    **dict.fromkeys(_NORMALISES, _batch_norm),
    "Conv2D": _convolution,
    "DepthwiseConv2dNative": _convolution,
    "MatMul": _dense,
    "BatchMatMul": _dense,
    "BatchMatMulV2": _dense,
    "BatchMatMulV3": _dense,
    "ReverseV2": _order,
    "GatherV2": _order,
}
