"""Models whose input or output is quantised (LiteRT): OpenVINO keeps the integers, the harness works with real values.

OpenVINO's frontend writes scale and zero point of such a tensor as the FakeQuantize next to it: behind an input it maps
the stored integers to real values, before an output real values to the integers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from harness.backends.quantization import Quantization
from harness.feeding.contract import limits_of

_PASSED = frozenset(
    {"Convert", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Identity"}
)  # change neither order nor value


def input_quantization(source: Any) -> Quantization | None:
    """Return how an input (ov.Output of a Parameter) stores real values; None if it has no scale."""
    limits = _nearest_limits(_behind(source))
    return _quantization(limits[2:], limits[:2], _integer(source)) if limits else None


def output_quantization(output: Any) -> Quantization | None:
    """Return how an output (ov.Output of a Result) stores real values; None if it has no scale."""
    limits = _nearest_limits(_before(output))
    return _quantization(limits[:2], limits[2:], _integer(output)) if limits else None


def _behind(source: Any) -> Iterator[Any]:
    """Yield the nodes behind an input, as long as it has one reader only."""
    targets = list(source.get_target_inputs())
    while len(targets) == 1:
        node = targets[0].get_node()
        yield node
        targets = list(node.output(0).get_target_inputs())


def _before(output: Any) -> Iterator[Any]:
    """Yield the nodes before an output."""
    node = output.get_node()
    while True:
        node = node.input_value(0).get_node()
        yield node


def _nearest_limits(nodes: Iterator[Any]) -> tuple[float, float, float, float] | None:
    """Return the limits of the first FakeQuantize; None if another node than one that moves values comes first."""
    for node in nodes:
        if node.get_type_name() == "FakeQuantize":
            return _limits(node)
        if node.get_type_name() not in _PASSED:
            return None
    return None


def stored(values: Any, how: Quantization) -> Any:
    """Return the node that stores real values (f32): rounded half to even, saturated."""
    from openvino import opset13

    limits = np.iinfo(how.dtype)
    steps = opset13.divide(values, np.float32(how.scale))
    steps = opset13.add(opset13.round(steps, "half_to_even"), np.float32(how.zero_point))
    return opset13.convert(opset13.clamp(steps, float(limits.min), float(limits.max)), str(_name(how)))


def whole(values: Any, element: Any) -> Any:
    """Return the node that holds values (f32) in an integer type: rounded half to even, saturated.

    ``element``: its ov.Type. A cast alone would cut the fraction off, and 256 might wrap around.
    """
    from openvino import opset13

    low, high = limits_of(element.to_dtype())
    return opset13.convert(opset13.clamp(opset13.round(values, "half_to_even"), low, high), element.to_string())


def real(values: Any, how: Quantization) -> Any:
    """Return the node (f32) that gives the real values of what is stored."""
    from openvino import opset13

    steps = opset13.subtract(opset13.convert(values, "f32"), np.float32(how.zero_point))
    return opset13.multiply(steps, np.float32(how.scale))


def _integer(port: Any) -> np.dtype[Any] | None:
    name = {"u8": "uint8", "i8": "int8", "i16": "int16"}.get(port.get_element_type().to_string())
    return np.dtype(name) if name else None


def _name(how: Quantization) -> str:
    return {"uint8": "u8", "int8": "i8", "int16": "i16"}[how.dtype.name]


def _limits(node: Any) -> tuple[float, float, float, float] | None:
    """Return the limits of a FakeQuantize, before and after; None if they differ by channel or are computed."""
    values = []
    for port in list(node.input_values())[1:]:
        constant = port.get_node()
        if constant.get_type_name() != "Constant" or constant.data.size != 1:
            return None
        values.append(float(constant.data.reshape(-1)[0]))
    low, high, out_low, out_high = values
    return low, high, out_low, out_high


def _quantization(
    reals: tuple[float, float], integers: tuple[float, float], dtype: np.dtype[Any] | None
) -> Quantization | None:
    if dtype is None or not integers[1] > integers[0] or not reals[1] > reals[0]:
        return None
    scale = (reals[1] - reals[0]) / (integers[1] - integers[0])
    return Quantization(scale, round(integers[0] - reals[0] / scale), dtype)
