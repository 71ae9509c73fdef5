"""Inputs, outputs and metadata of every file that OpenVINO reads, which compiles nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.backends.description import Description, Port
from harness.backends.openvino.contract import IrContract, read_contract
from harness.backends.openvino.facts import FACTS
from harness.backends.openvino.framework import import_openvino, reason
from harness.backends.openvino.quantized import input_quantization
from harness.backends.openvino.runner import output_names
from harness.backends.registry import recognise
from harness.errors import ModelError


def describe(path: Path) -> Description:
    """Return what a model says of itself. Raises ModelError where it cannot be read."""
    facts = recognise(path) or FACTS
    facts.require_harmless(path)
    ov = import_openvino()
    try:
        model = ov.Core().read_model(str(path))
    except RuntimeError as error:
        raise ModelError(f"{path}: OpenVINO cannot read this model: {reason(error)}") from None
    if not model.inputs:
        raise ModelError(f"{path}: has no input; freeze or export the network with one for the pixels")
    aliases = {tensor.removesuffix(":0"): alias for alias, tensor in facts.aliases_of(path).items()}
    inputs = tuple(
        _port(port, [*sorted(port.get_names()), port.get_node().get_friendly_name()], aliases) for port in model.inputs
    )
    named = output_names(model)
    outputs = tuple(
        _port(port, [name for name, other in named.items() if other == port], aliases) for port in model.outputs
    )
    plain = Description(inputs, outputs)
    if path.suffix == ".xml":
        return _with_contract(plain, read_contract(path))
    if how := input_quantization(model.inputs[0]):
        mean, scale = round(how.zero_point - (-128 if how.dtype.kind == "i" else 0), 6), round(1 / how.scale, 6)
        source = f"scale {how.scale:g} and zero point {how.zero_point} of the input, which takes raw pixels so"
        return Description(inputs, outputs, None, (mean,) * 3, (scale,) * 3, source)
    return plain


def _with_contract(plain: Description, contract: IrContract) -> Description:
    """Return the description with what an IR's `rt_info` says of its preprocessing."""
    if contract.source is None or contract.mean is None or contract.scale is None:
        return plain
    source = "rt_info of the .xml, written by " + (
        "the harness" if contract.source == "harness" else "the Model Optimizer"
    )
    inside = f"mean {contract.mean[0]:g} and scale {contract.scale[0]:g} are inside"
    return (
        Description(plain.inputs, plain.outputs, contract.color, (0.0,) * 3, (1.0,) * 3, f"{source}: {inside}")
        if any(contract.mean) or contract.scale != (1.0, 1.0, 1.0)
        else Description(plain.inputs, plain.outputs, contract.color, None, None, source)
    )


def _port(port: Any, names: list[str], aliases: dict[str, str]) -> Port:
    shape = port.get_partial_shape()
    sides = tuple(-1 if side.is_dynamic else side.get_length() for side in shape) if shape.rank.is_static else None
    bare = dict.fromkeys(name.removesuffix(":0") for name in names if name)
    better = [aliases[name] for name in bare if name in aliases]
    return Port(tuple(dict.fromkeys([*better, *bare])), sides, port.get_element_type().to_string())
