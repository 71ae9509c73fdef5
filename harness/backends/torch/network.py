"""A PyTorch file as a list of operations that can be compared with another framework's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.backends.observing import Network, Operation, Storage, Verb, Weights, arithmetic, per_channel
from harness.backends.torch.graphs import UNKNOWN, Flow, Graph, Node

_PASS = frozenset({
    "reshape", "view", "_unsafe_view", "flatten", "squeeze", "unsqueeze", "permute", "transpose", "t", "movedim", "to",
    "_to_copy", "type_as", "float", "clone", "contiguous", "detach", "alias", "lift_fresh_copy", "dropout",
    "feature_dropout", "dequantize", "quantize_per_tensor", "getitem", "view_as", "reshape_as",
})  # fmt: skip
_PADS = frozenset({"constant_pad_nd", "pad"})
_VERBS: dict[str, Verb] = {
    "add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "minimum": "minimum", "maximum": "maximum",
}  # fmt: skip
_STORED: dict[str, Storage] = {"torch.float16": "f16", "torch.bfloat16": "bf16"}
_BATCH_NORMS = frozenset({
    "batch_norm", "_native_batch_norm_legit_no_training", "native_batch_norm", "cudnn_batch_norm",
})  # fmt: skip
_COLOURS = (2, 1, 0)


def network_of(graph: Graph) -> Network:
    """Return the operations between the input and the output of a graph."""
    operations = [_READERS.get(node.kind, _plain)(_Reading(node, graph.source)) for node in graph.nodes]
    return Network.between(operations, graph.source, graph.output)


class _Reading:
    """A node that is being read."""

    def __init__(self, node: Node, source: str) -> None:
        self.node, self.source = node, source

    def operation(self, form: Any = "other", **more: Any) -> Operation:
        return Operation(self.node.name, self.node.kind, self.node.inputs, form, **more)

    def value(self, *names: str) -> Any:
        """Return the first of these arguments that the operator has; None if it has none of them."""
        return next((self.node.arguments[name] for name in names if name in self.node.arguments), None)

    def array(self, *names: str) -> Any:
        """Return a constant tensor as float32; None if the argument is none."""
        found = self.value(*names)
        return found.detach().to("cpu").float().numpy() if hasattr(found, "detach") else None

    def storage(self, name: str) -> Storage:
        return _STORED.get(str(self.value(name).dtype), "f32")

    def is_open(self, *names: str) -> bool:
        """Return whether an argument is there that is not a constant."""
        found = self.value(*names)
        return found is UNKNOWN or isinstance(found, Flow)


def _plain(reading: _Reading) -> Operation:
    kind = reading.node.kind
    if kind in _PASS:
        return reading.operation("pass")
    if kind in _PADS:
        return reading.operation("pad")
    if kind in _VERBS:
        return _elementwise(reading)
    return reading.operation()


def _limits(low: str | float | None, high: str | float | None) -> Callable[[_Reading], Operation]:
    """Return what reads a clip. ``low`` and ``high``: limits, or names of the arguments that hold them."""

    def read(reading: _Reading) -> Operation:
        found = [reading.value(limit) if isinstance(limit, str) else limit for limit in (low, high)]
        if any(not isinstance(limit, (int, float)) for limit in found if limit is not None) or found == [None, None]:
            return reading.operation()
        ends = [None if limit is None else float(limit) for limit in found]
        return reading.operation("elementwise", low=ends[0], high=ends[1])

    return read


def _elementwise(reading: _Reading) -> Operation:
    sides = [reading.value("self", "input", "0"), reading.value("other", "1")]
    places = [at for at, side in enumerate(sides) if not isinstance(side, Flow)]
    if len(places) != 1 or sides[places[0]] is UNKNOWN or reading.value("rounding_mode") is not None:
        return reading.operation()
    (place,) = places
    constant = sides[place]
    held = constant.detach().to("cpu").float().numpy() if hasattr(constant, "detach") else constant
    alpha = reading.value("alpha")
    if not isinstance(held, (int, float, np.ndarray)) or (alpha not in (None, 1) and place == 0):
        return reading.operation()
    value = per_channel(np.asarray(held, np.float32) * (1 if alpha is None else alpha), None)
    done = None if value is None else arithmetic(_VERBS[reading.node.kind], value, place)
    return reading.operation() if done is None else reading.operation("elementwise", **done)


def _batch_norm(reading: _Reading) -> Operation:
    mean, variance = reading.array("running_mean"), reading.array("running_var")
    gamma, beta = reading.array("weight"), reading.array("bias")
    open_ = any(reading.is_open(name) for name in ("weight", "bias"))
    training = reading.value("training")
    if mean is None or variance is None or open_ or training not in (None, False, 0):
        return reading.operation()
    epsilon = reading.value("eps", "epsilon")
    factor = 1 / np.sqrt(variance.astype(np.float64) + (1e-5 if epsilon is None else epsilon))
    factor = factor if gamma is None else factor * gamma
    offset = -mean * factor if beta is None else beta - mean * factor
    return reading.operation("elementwise", factor=factor.astype(np.float32), offset=offset.astype(np.float32))


def _convolution(reading: _Reading) -> Operation:
    kernel, bias = reading.array("weight"), reading.array("bias")
    if kernel is None or kernel.ndim != 4 or reading.value("transposed") or reading.is_open("bias"):
        return reading.operation()
    sides = {name: reading.value(argument) for name, argument in (("strides", "stride"), ("dilations", "dilation"))}
    attributes = {name: _pair(values) for name, values in sides.items()}
    weights = Weights(np.ascontiguousarray(kernel), reading.storage("weight"))
    return reading.operation("weighted", weights=weights, offset=bias, attributes=attributes)


def _pair(values: Any) -> tuple[int, ...]:
    found = tuple(
        int(side) for side in (values if isinstance(values, (list, tuple)) else [1 if values is None else values])
    )
    return found * 2 if len(found) == 1 else found


def _linear(reading: _Reading) -> Operation:
    """Read ``x @ weight.T + bias``."""
    return _dense(reading, "weight", "bias", turned=False)


def _multiplied(reading: _Reading) -> Operation:
    """Read ``x @ matrix``."""
    return _dense(reading, "other" if "other" in reading.node.arguments else "mat2", None, turned=True)


def _added(reading: _Reading) -> Operation:
    """Read ``beta * bias + alpha * (x @ matrix)``."""
    if any(reading.value(name) not in (None, 1) for name in ("alpha", "beta")):
        return reading.operation()
    return _dense(reading, "mat2", "self", turned=True)


def _dense(reading: _Reading, matrix: str, bias: str | None, *, turned: bool) -> Operation:
    values = reading.array(matrix)
    offset = None if bias is None else reading.array(bias)
    if values is None or values.ndim != 2 or (bias is not None and reading.is_open(bias)):
        return reading.operation()
    out = np.ascontiguousarray(values.T if turned else values)
    weights = Weights(out[:, :, None, None], reading.storage(matrix))
    return reading.operation("weighted", weights=weights, offset=None if offset is None else offset.reshape(-1))


def _order(reading: _Reading) -> Operation:
    """Read what only puts the channels of an input in another order."""
    if reading.node.kind == "flip":
        dims = reading.value("dims")
        reversed_ = dims in ([1], [3], [-1], [-3]) and reading.node.inputs == (reading.source,)
        return reading.operation("order", order=_COLOURS) if reversed_ else reading.operation()
    index = reading.array("index")
    if index is None or reading.value("dim") not in (1, 3, -1):
        return reading.operation()
    order = tuple(int(number) for number in index.reshape(-1))
    return reading.operation("order", order=order) if sorted(order) == list(range(len(order))) else reading.operation()


_READERS: dict[str, Callable[[_Reading], Operation]] = {
    **dict.fromkeys(("conv2d", "convolution", "_convolution"), _convolution),
    **dict.fromkeys(_BATCH_NORMS, _batch_norm),
    "linear": _linear,
    **dict.fromkeys(("matmul", "mm"), _multiplied),
    "addmm": _added,
    "relu": _limits(0.0, None),
    "relu6": _limits(0.0, 6.0),
    "hardtanh": _limits("min_val", "max_val"),
    "clamp": _limits("min", "max"),
    "clip": _limits("min", "max"),
    "clamp_min": _limits("min", None),
    "clamp_max": _limits(None, "max"),
    **dict.fromkeys(("flip", "index_select"), _order),
}
