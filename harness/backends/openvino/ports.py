"""Inputs and outputs of an OpenVINO model: their names, and whether they are numbers that pixels and answers can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.backends.arrays import not_pixels
from harness.backends.base import ModelSpec
from harness.backends.names import require_one_input
from harness.backends.openvino.quantized import output_quantization
from harness.backends.quantization import Quantization
from harness.errors import CannotHoldError, ModelError
from harness.feeding.contract import holds, pixel_table

_NO_NUMBERS = ("boolean", "string")
# Types that an input may have: those of less than a byte (u4, i4, u1, nf4, f4e2m1) and f8 hold weights only.
_PIXELS = frozenset(["f64", "f32", "f16", "bf16", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"])
_SHAPE_ONLY = frozenset({"Reshape", "Squeeze", "Unsqueeze"})


def require_numbers(model: object, name: str, kind: Any) -> None:
    """Refuse an input of truth values or texts. ``kind``: its ov.Type. Raises ModelError."""
    if kind.to_string() in _NO_NUMBERS:
        raise not_pixels(model, name, kind.to_string())


def require_pixels(spec: ModelSpec, kind: Any) -> None:
    """Refuse an input without scale that cannot hold what it is fed. ``kind``: its ov.Type. Raises ModelError."""
    require_numbers(spec.model, spec.input.tensor, kind)
    if (name := kind.to_string()) not in _PIXELS:
        raise not_pixels(spec.model, spec.input.tensor, name)
    if not kind.is_real() and (spec.floating or not holds(kind.to_dtype(), pixel_table(spec.input))):
        raise CannotHoldError(
            f"{spec.model}: the input '{spec.input.tensor}' takes {kind.to_string()}, which cannot hold pixels after "
            "mean and scale; if the model has mean and scale inside, leave them out of `input`"
        )


def real_answers(output: Any, model: object, name: str | None) -> Quantization | None:
    """Return how an output (ov.Output of a Result) stores real values; None if it gives them as they are.

    Raises ModelError if it gives whole numbers without one scale and zero point.
    """
    found, kind = output_quantization(output), output.get_element_type()
    if found is None and not kind.is_real():
        raise ModelError(
            f"{model}: the output '{name or 'output'}' has {kind.to_string()} without a single scale and zero "
            "point; set `output` to the one with the probabilities"
        )
    return found


def require_alone(model_file: object, model: Any, source: Any) -> None:
    """Refuse a model that waits for more than the pixels. Raises ModelError."""
    names = [port.get_node().get_friendly_name() for port in model.inputs]
    require_one_input(model_file, source.get_node().get_friendly_name(), names)


def output_names(model: Any) -> Mapping[str, Any]:
    """Return every name of every output: its tensors' names, and those of the layers behind a mere change of shape."""
    names: dict[str, Any] = {}
    for output in model.outputs:
        found = sorted(output.get_names())
        producer = output.get_node().input_value(0)
        while True:
            found += [producer.get_node().get_friendly_name(), *sorted(producer.get_names())]
            if producer.get_node().get_type_name() not in _SHAPE_ONLY:
                break
            producer = producer.get_node().input_value(0)
        if names.keys() >= set(found):  # two outputs of one operation, without names of their own
            found.append(output.get_node().get_friendly_name())
        for name in found:
            names.setdefault(name, output)
    return names


def input_names(model: Any) -> Mapping[str, Any]:
    """Return every name of every input: its tensors' names, and its node's."""
    names: dict[str, Any] = {}
    for source in model.inputs:
        for name in (*sorted(source.get_names()), source.get_node().get_friendly_name()):
            names.setdefault(name, source)
    return names
