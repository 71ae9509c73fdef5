"""A LiteRT model as a list of operations that can be compared with another framework's.

The interpreter tells operations, tensors and values. What the options of an operation say is read from the file:
https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from harness.backends.litert.flatbuffer import number, offset, place_of, tables
from harness.backends.observing import Floats, Network, Operation, Storage, Verb, Weights, arithmetic, per_channel

_SUBGRAPHS, _OPERATORS, _OPTIONS = 2, 3, 4  # fields of Model, SubGraph, Operator
_FUSED = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 4, "FULLY_CONNECTED": 0, "ADD": 0, "SUB": 0, "MUL": 0, "DIV": 0}
_DILATION = {"CONV_2D": 4, "DEPTHWISE_CONV_2D": 5}  # of the width; that of the height follows
_STRIDE = 1  # of the width; that of the height follows
_CLIPS: dict[int, tuple[float | None, float | None]] = {1: (0.0, None), 2: (-1.0, 1.0), 3: (0.0, 6.0)}
_OTHER_ACTIVATIONS = (4, 5)  # tanh, sign
_PASS = frozenset({
    "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "CAST", "QUANTIZE", "DEQUANTIZE", "SPACE_TO_BATCH_ND",
    "BATCH_TO_SPACE_ND",
})  # fmt: skip
_PADS = frozenset({"PAD", "PADV2", "MIRROR_PAD"})
_RELUS: dict[str, tuple[float | None, float | None]] = {
    "RELU": (0.0, None), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0),
}  # fmt: skip
_VERBS: dict[str, Verb] = {
    "ADD": "add", "SUB": "subtract", "MUL": "multiply", "DIV": "divide", "MINIMUM": "minimum", "MAXIMUM": "maximum",
}  # fmt: skip
_SHAPES = frozenset({"SHAPE", "RANK"})


def network_of(interpreter: Any, data: bytes, source: int, output: int) -> tuple[Network, dict[str, int]]:
    """Return the operations between two tensors of an interpreter that has run, and the tensor that each gives.

    ``data``: the file. Operations are named by what they give. Raises struct.error, IndexError or ValueError for a
    broken file.
    """
    details = {each["index"]: each for each in interpreter.get_tensor_details()}
    options = _options(memoryview(data))
    names = {index: each["name"] or f"tensor {index}" for index, each in details.items()}
    depends = {source}
    operations, tensors = [], {}
    for each in interpreter._get_ops_details():  # noqa: SLF001  # nothing public tells the operations
        inputs, outputs = [int(place) for place in each["inputs"]], [int(place) for place in each["outputs"]]
        data_inputs = tuple(dict.fromkeys(names[place] for place in inputs if place in depends))
        if not data_inputs or each["op_name"] in _SHAPES:
            continue
        depends |= set(outputs)
        tensors[names[outputs[0]]] = outputs[0]
        reading = _Reading(interpreter, each["op_name"], options[each["index"]], inputs, depends, details)
        made = _READERS.get(each["op_name"], _plain)(reading)
        operations.append(replace(made, name=names[outputs[0]], inputs=data_inputs))
    return Network.between(operations, names[source], names[output]), tensors


def real(interpreter: Any, index: int) -> Floats:
    """Return what a tensor holds as real values: https://ai.google.dev/edge/litert/models/quantization_spec."""
    details = next(each for each in interpreter.get_tensor_details() if each["index"] == index)
    return _real(interpreter.get_tensor(index), details)


def _real(values: Any, details: Mapping[str, Any]) -> Floats:
    parameters = details["quantization_parameters"]
    scales = np.asarray(parameters["scales"], np.float64)
    if not scales.size:
        return np.asarray(values, np.float32)
    sides = [1] * values.ndim
    if scales.size > 1:
        sides[parameters["quantized_dimension"]] = -1
    zeros = np.asarray(parameters["zero_points"], np.float64)
    shifted = values.astype(np.float64) - (zeros.reshape(sides) if zeros.size else 0)
    return np.asarray(shifted * scales.reshape(sides), np.float32)


def _options(data: memoryview) -> list[Callable[[int, str, int], int]]:
    """Return for each operator of the first graph what reads a number of its options: field, type, default."""
    graph = next(tables(data, offset(data, 0), _SUBGRAPHS))

    def reader(operator: int) -> Callable[[int, str, int], int]:
        place = place_of(data, operator, _OPTIONS)
        table = None if place is None else offset(data, place)
        return lambda field, form, default: default if table is None else number(data, table, field, form, default)

    return [reader(operator) for operator in tables(data, graph, _OPERATORS)]


class _Reading:
    """An operation that is being read."""

    def __init__(
        self,
        interpreter: Any,
        kind: str,
        option: Callable[[int, str, int], int],
        inputs: list[int],
        depends: set[int],
        details: Mapping[int, Mapping[str, Any]],
    ) -> None:
        self._interpreter, self.kind, self.option = interpreter, kind, option
        self.inputs, self._depends, self._details = inputs, depends, details

    def is_constant(self, place: int) -> bool:
        return place < len(self.inputs) and self.inputs[place] >= 0 and self.inputs[place] not in self._depends

    def constant(self, place: int) -> Floats | None:
        if not self.is_constant(place):
            return None
        index = self.inputs[place]
        return _real(self._interpreter.get_tensor(index), self._details[index])

    def clip(self) -> tuple[float | None, float | None] | None:
        """Return the limits of the activation inside the operation; None for one that is not a clip."""
        kind = self.option(_FUSED[self.kind], "<b", 0) if self.kind in _FUSED else 0
        return None if kind in _OTHER_ACTIVATIONS else _CLIPS.get(kind, (None, None))

    def weights(self, turned: Callable[[Any], Any]) -> Weights | None:
        values = self.constant(1)
        if values is None:
            return None
        details = self._details[self.inputs[1]]
        real_values = np.ascontiguousarray(turned(values), np.float32)
        scales = np.asarray(details["quantization_parameters"]["scales"], np.float32)
        if scales.size:
            return Weights(real_values, "int", np.broadcast_to(scales, (len(real_values),)).copy())
        storage: Storage = "f16" if self._holds_f16(values) else "f32"
        return Weights(real_values, storage)

    @staticmethod
    def _holds_f16(values: Floats) -> bool:
        """Return whether f16 could hold them: a file that has them so makes f32 of them by an operation of its own."""
        return bool((values == values.astype(np.float16)).all())


def _operation(reading: _Reading, form: Any, **more: Any) -> Operation:
    return Operation("", reading.kind, (), form, **more)


def _plain(reading: _Reading) -> Operation:
    if reading.kind in _PASS:
        return _operation(reading, "pass")
    if reading.kind in _PADS:
        return _operation(reading, "pad")
    if reading.kind in _RELUS:
        low, high = _RELUS[reading.kind]
        return _operation(reading, "elementwise", low=low, high=high)
    if reading.kind in _VERBS:
        return _elementwise(reading)
    return _operation(reading, "other")


def _elementwise(reading: _Reading) -> Operation:
    place = next((spot for spot in (0, 1) if reading.is_constant(spot)), None)
    clip, constant = reading.clip(), None if place is None else reading.constant(place)
    value = None if constant is None else per_channel(constant, None, -1)
    done = None if value is None or place is None else arithmetic(_VERBS[reading.kind], value, place)
    if done is None or clip is None:
        return _operation(reading, "other")
    return _operation(reading, "elementwise", **{"low": clip[0], "high": clip[1], **done})


def _convolution(reading: _Reading) -> Operation:
    depthwise = reading.kind == "DEPTHWISE_CONV_2D"
    weights = reading.weights(lambda kernel: kernel.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2)))
    dilation = _DILATION[reading.kind]
    attributes = {
        "strides": (reading.option(_STRIDE + 1, "<i", 1), reading.option(_STRIDE, "<i", 1)),
        "dilations": (reading.option(dilation + 1, "<i", 1), reading.option(dilation, "<i", 1)),
    }
    return _weighted(reading, weights, attributes)


def _dense(reading: _Reading) -> Operation:
    return _weighted(reading, reading.weights(lambda matrix: matrix[:, :, None, None]), {})


def _weighted(reading: _Reading, weights: Weights | None, attributes: Mapping[str, tuple[int, ...]]) -> Operation:
    clip = reading.clip()
    bias = reading.constant(2)
    unknown = len(reading.inputs) > 2 and reading.inputs[2] >= 0 and bias is None
    if weights is None or weights.values.ndim != 4 or clip is None or unknown:
        return _operation(reading, "other")
    offset_ = None if bias is None else bias.reshape(-1)
    return _operation(
        reading, "weighted", weights=weights, offset=offset_, low=clip[0], high=clip[1], attributes=attributes
    )


_READERS: dict[str, Callable[[_Reading], Operation]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "FULLY_CONNECTED": _dense,
}
