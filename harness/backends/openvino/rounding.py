"""A network whose weights and activations are rounded to a precision, computed in f32 on the CPU.

A device that computes in f16, bf16 or 8 bits moves the answers even where nothing is wrong with it. This backend shows
by how much: the file's own network, once as it is and once rounded.

- f16, bf16: what a layer reads of the layers before is rounded to that type. Weights that a file holds in f16 would not
  move if they were rounded again, so each weight is moved at random by up to half a step, which is how rounding of
  floating-point numbers is distributed (B. Widrow, I. Kollar: Quantization Noise, 2008, chapter 12).
- 8 bits, of a quantised file: its own FakeQuantize, against none. Its weights stay, since what they were is not known.
- 8 bits, of any other file: weights symmetric by output channel, activations by their range in a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.backends.openvino.framework import import_openvino, reason
from harness.backends.openvino.runner import OpenVINOBackend
from harness.errors import ModelError

# Axes of the weights that count output channels; of MatMul, its attribute decides.
_WEIGHTED = {"Convolution": (0,), "GroupConvolution": (0, 1), "MatMul": ()}
_SUMMING = frozenset({"Softmax", "ReduceMean", "AvgPool"})  # these read what a layer before them has stored, too
_MERGING = frozenset({"Add", "Multiply"})
_FRACTION = {"f16": 10, "bf16": 7}  # bits after the leading one: IEEE 754 binary16; bfloat16
_LEAST = {"f16": -14, "bf16": -126}  # exponent of the least number with that many bits; below, steps stay as they are
_F32 = 23
_LEVELS = 255  # steps of 8 bits
_FINE = 256  # steps that replace one, for a quantised activation that is not rounded and cannot be left out
_HALF = 127  # steps of signed weights on either side of zero


class RoundedBackend(OpenVINOBackend):
    """Runs what OpenVINO reads, with the specification's ``rounding``; draw 0 computes without any.

    Values beyond what f16 can hold, or below, are not cut off.
    """

    def read(self, core: Any) -> tuple[Any, Any, Any]:
        """Return the network as ``OpenVINOBackend.read`` does, rounded. Raises ModelError if nothing can be."""
        found = super().read(core)
        precision, draw = self.spec.rounding or ("f32", 0)
        ov, model = import_openvino(), found[0]
        constants = _Constants()
        weighted = list(_weighted(model, constants, biases=precision != "int8"))
        if not weighted:
            raise ModelError(
                f"{self.spec.model}: has no convolution or matrix product whose rounding could be measured"
            )
        try:
            values = _values(ov, core, [item.get_source_output() for item in weighted])
        except RuntimeError as error:
            raise ModelError(f"{self.spec.model}: its weights cannot be computed: {reason(error)}") from None
        quantised = list(_quantised(model, constants)) if precision == "int8" else []
        generator = np.random.default_rng(draw)
        for item, weights in zip(weighted, values, strict=True):
            kept = weights if quantised or not draw else _rounded(item.get_node(), weights, precision, generator)
            item.replace_source_output(ov.opset13.constant(kept).output(0))
        if quantised and not draw:
            for node in quantised:
                instead = _unrounded(ov, node)
                for stored in _stored_whole(node):
                    stored.output(0).replace(instead)
                node.output(0).replace(instead)
        elif draw and not quantised:
            fewer = _in_8_bits if precision == "int8" else partial(_in_fewer_bits, bits=_FRACTION[precision])
            for port in list(_activations(model, constants)):
                port.replace_source_output(fewer(ov, port.get_source_output()).output(0))
        model.validate_nodes_and_infer_types()
        return found


class _Constants:
    """Tells which values of a network do not depend on its input."""

    def __init__(self) -> None:
        self._known: dict[str, bool] = {}

    def has(self, port: Any) -> bool:
        """Return whether an output of a node is constant."""
        waiting = [port.get_node()]
        while waiting:
            node = waiting[-1]
            name, sources = node.get_name(), [item.get_node() for item in node.input_values()]
            unknown = [item for item in sources if item.get_name() not in self._known]
            if name not in self._known and unknown:
                waiting += unknown
                continue
            fixed = bool(sources) and all(self._known[item.get_name()] for item in sources)
            self._known[name] = node.get_type_name() == "Constant" or fixed
            waiting.pop()
        return self._known[port.get_node().get_name()]


def _weighted(model: Any, constants: _Constants, *, biases: bool) -> Iterator[Any]:
    """Yield each input of a node that takes weights, and of one that takes biases, which 8-bit networks keep."""
    for node in model.get_ordered_ops():
        kind, inputs = node.get_type_name(), node.inputs()
        fixed = [item for item in inputs if constants.has(item.get_source_output())]
        if kind in _WEIGHTED and inputs[1] in fixed:
            yield inputs[1]
        elif biases and kind in _MERGING and len(fixed) == 1 and fixed[0].get_element_type().is_real():
            yield fixed[0]


def _values(ov: Any, core: Any, ports: list[Any]) -> list[NDArray[np.float32]]:
    """Return what constant outputs give, as f32."""
    results = [ov.opset13.result(ov.opset13.convert(port, "f32")) for port in ports]
    compiled = core.compile_model(ov.Model(results, []), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    request.infer()
    return [np.array(request.get_output_tensor(place).data, np.float32) for place in range(len(ports))]


def _rounded(
    node: Any, weights: NDArray[np.float32], precision: str, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Return weights rounded to 8 bits, or moved by as much as rounding to a floating-point type moves them."""
    if precision == "int8":
        kept = _WEIGHTED[node.get_type_name()]
        if not kept:
            kept = (weights.ndim - (2 if node.get_attributes()["transpose_b"] else 1),)
        axes = tuple(axis for axis in range(weights.ndim) if axis not in kept)
        step = np.abs(weights).max(axis=axes, keepdims=True) / np.float32(_HALF)
        return np.where(step > 0, np.rint(weights / np.where(step > 0, step, 1)) * step, weights).astype(np.float32)
    _, exponent = np.frexp(weights)
    step = np.ldexp(np.float32(1), np.maximum(exponent - 1, _LEAST[precision]) - _FRACTION[precision])
    step = np.where(weights == 0, 0, step)
    moved = weights + step * (generator.random(weights.shape, np.float32) - np.float32(0.5))
    return np.asarray(moved, np.float32)


def _quantised(model: Any, constants: _Constants) -> Iterator[Any]:
    """Yield what rounds an activation to levels."""
    for node in model.get_ordered_ops():
        if node.get_type_name() == "FakeQuantize" and not constants.has(node.input_value(0)):
            yield node


def _stored_whole(node: Any) -> list[Any]:
    """Return what makes whole numbers of the levels, and is made real values of again: ONNX's pairs of nodes."""
    readers = [port.get_node() for port in node.output(0).get_target_inputs()]
    whole = [item for item in readers if item.get_type_name() == "Convert" and _is_integer(item)]
    return [item for item in whole if all(_makes_real(port.get_node()) for port in item.output(0).get_target_inputs())]


def _is_integer(node: Any) -> bool:
    return bool(node.get_output_element_type(0).is_integral())


def _makes_real(node: Any) -> bool:
    return node.get_type_name() == "Convert" and not _is_integer(node)


def _unrounded(ov: Any, node: Any) -> Any:
    """Return the replacement of a FakeQuantize: its input, or where it changes the scale, the same scale."""
    limits = [node.input_value(place).get_node() for place in range(1, 5)]
    if all(limit.get_type_name() == "Constant" for limit in limits):
        low, high, low_out, high_out = (np.asarray(limit.data, np.float32) for limit in limits)
        if np.array_equal(low, low_out) and np.array_equal(high, high_out):
            return node.input_value(0)
    levels = _FINE * (int(node.get_attributes()["levels"]) - 1) + 1
    return ov.opset13.fake_quantize(*node.input_values(), levels=levels).output(0)


def _activations(model: Any, constants: _Constants) -> Iterator[Any]:
    """Yield each input of a node that reads what a device has stored of a layer before."""
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        inputs = [item for item in node.inputs() if not constants.has(item.get_source_output())]
        if kind in _WEIGHTED or kind in _SUMMING or (kind in _MERGING and len(inputs) == 2):
            yield from (item for item in inputs if item.get_element_type().is_real())


def _in_fewer_bits(ov: Any, port: Any, bits: int) -> Any:
    """Return the node that rounds f32 to ``bits`` after the leading one, half to even.

    T. J. Dekker (1971), Numerische Mathematik 18, 224-242: exact in f32 itself. A conversion to f16 and back would be
    left out by OpenVINO's CPU plug-in.
    """
    scaled = ov.opset13.multiply(port, np.float32(2 ** (_F32 - bits) + 1))
    return ov.opset13.subtract(scaled, ov.opset13.subtract(scaled, port))


def _in_8_bits(ov: Any, port: Any) -> Any:
    """Return the node that rounds to 256 levels between the least and the largest value of a batch, zero among them."""
    ops = ov.opset13
    axes = np.arange(len(port.get_partial_shape()), dtype=np.int64)
    low = ops.minimum(ops.reduce_min(port, axes, keep_dims=True), np.float32(0))
    high = ops.maximum(ops.reduce_max(port, axes, keep_dims=True), np.float32(0))
    step = ops.maximum(ops.divide(ops.subtract(high, low), np.float32(_LEVELS)), np.float32(1e-30))
    return ops.multiply(ops.round(ops.divide(port, step), "half_to_even"), step)
