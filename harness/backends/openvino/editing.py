"""Faulty IRs: the candidate's own, with one thing wrong, written to a folder that is deleted afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.backends.base import CannotEditError
from harness.backends.names import find_by_name
from harness.backends.openvino.framework import import_openvino, reason
from harness.backends.openvino.ports import output_names
from harness.backends.openvino.quantized import input_quantization

Edit = Callable[[Any, Any, str], str]
_SEED = 20240607


def edited(xml: str, output: str, edit: str, folder: Path) -> tuple[str, str]:
    """Write the IR ``xml`` with one edit into ``folder``; return its path and the name of its output.

    ``output``: its name, empty for the only one.

    Raises CannotEditError if there is no such edit, or the IR has nothing that could be edited so.
    """
    if edit not in EDITS:
        raise CannotEditError(f"this change cannot be made to the IR: {edit}")
    ov = import_openvino()
    model = ov.Core().read_model(xml)
    name = EDITS[edit](ov, model, output)
    path = folder / "faulty.xml"
    ov.save_model(model, str(path), compress_to_fp16=edit == "weights_f16")
    return str(path), name


def unchanged(_ov: Any, _model: Any, output: str) -> str:
    """Change nothing (for faults that are in how the IR is written)."""
    return output


def without_softmax(ov: Any, model: Any, output: str) -> str:
    """Let the output be the logits: the softmax was cut off."""
    softmax = _last(model, output, "Softmax")
    return _replace_outputs(ov, model, softmax.input_value(0), output)


def another_output(ov: Any, model: Any, output: str) -> str:
    """Let the output be what goes into the last layer with weights: a wrong name was given to the converter."""
    node = _last(model, output, "Convolution", "MatMul")
    return _replace_outputs(ov, model, node.input_value(0), output)


def other_weights(ov: Any, model: Any, output: str) -> str:
    """Replace every weight by that of another training: the same shapes, values 5 % off at random."""
    generator = np.random.default_rng(_SEED)
    _map_weights(ov, model, lambda w, _: w * (1 + 0.05 * generator.standard_normal(w.shape).astype(np.float32)))
    return output


def float_input(ov: Any, model: Any, output: str) -> str:
    """Let the input take floating values instead of whole numbers, with what comes behind it as it is."""
    for parameter in model.get_parameters():
        if parameter.get_element_type().is_real() or input_quantization(parameter.output(0)):
            raise CannotEditError("the input takes floating values already, or is quantised")
        parameter.set_element_type(ov.Type.f32)
    try:
        model.validate_nodes_and_infer_types()
    except RuntimeError as error:
        raise CannotEditError(f"the input cannot take floating values: {reason(error)}") from None
    return output


def rounded_weights(ov: Any, model: Any, output: str) -> str:
    """Round every weight to 8 bits, symmetric, one scale for each output channel."""

    def rounded(weights: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
        if sum(side > 1 for side in weights.shape) < 2:
            return weights  # a bias, which 8-bit models keep in full
        axes = tuple(axis for axis in range(weights.ndim) if axis != channels)
        step = np.abs(weights).max(axis=axes, keepdims=True) / 127
        return np.where(step > 0, np.round(weights / np.where(step > 0, step, 1)) * step, weights).astype(np.float32)

    _map_weights(ov, model, rounded)
    return output


def _map_weights(ov: Any, model: Any, change: Callable[[NDArray[np.float32], int], NDArray[np.float32]]) -> None:
    """Pass every floating-point constant with more than one axis through ``change``, with the axis of its outputs."""
    changed = 0
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Constant" or node.get_element_type() not in (ov.Type.f32, ov.Type.f16):
            continue
        weights = np.array(node.data, np.float32)
        if weights.ndim < 2 or weights.size < 16:
            continue
        replacement = ov.opset13.constant(change(weights, _output_axis(node, weights.ndim)).astype(node.data.dtype))
        replacement.set_friendly_name(node.get_friendly_name())
        for target in list(node.output(0).get_target_inputs()):
            target.replace_source_output(replacement.output(0))
        changed += 1
    if not changed:
        raise CannotEditError("the IR has no weights that can be changed")


def _output_axis(constant: Any, axes: int) -> int:
    """Return the axis of a constant that counts output channels: the last one of a matrix that is multiplied with."""
    for target in constant.output(0).get_target_inputs():
        node = target.get_node()
        if node.get_type_name() == "MatMul" and target.get_index() == 1 and not node.get_attributes()["transpose_b"]:
            return axes - 1
    return 0


def _last(model: Any, output: str, *kinds: str) -> Any:
    """Return the nearest operation of one of ``kinds`` before the configured output."""
    node = (
        find_by_name(output or None, output_names(model), what="output", model="the IR")
        .get_node()
        .input_value(0)
        .get_node()
    )
    for _ in range(64):
        if node.get_type_name() in kinds:
            return node
        if not node.inputs():
            break
        node = node.input_value(0).get_node()
    raise CannotEditError(f"the IR has no {' or '.join(kinds)} before its output '{output}'")


def _replace_outputs(ov: Any, model: Any, source: Any, name: str) -> str:
    """Make ``source`` the model's only output, flat, under the configured name."""
    for result in list(model.get_results()):
        model.remove_result(result)
    batch = np.array([1, -1], np.int64)
    flat = ov.opset13.reshape(source, batch, special_zero=False)
    fault = f"{name.removesuffix(':0')}/faulty"
    flat.output(0).get_tensor().set_names({fault})
    model.add_results([ov.opset13.result(flat)])
    return fault


# Given the openvino module, the model and the configured output's name, each changes the model and returns the output's
# name.
EDITS: dict[str, Edit] = {
    "without_softmax": without_softmax,
    "another_output": another_output,
    "other_weights": other_weights,
    "rounded_weights": rounded_weights,
    "weights_f16": unchanged,
    "float_input": float_input,
}
