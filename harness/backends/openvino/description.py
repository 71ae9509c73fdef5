"""What an IR states about itself: inputs and outputs, and what its `rt_info` states of the pixels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.backends.description import ModelDescription, Stated, Tensor, shape_of
from harness.backends.openvino.contract import IrContract, numbers, read_contract
from harness.backends.openvino.framework import import_openvino, reason
from harness.backends.openvino.ports import input_names, output_names
from harness.backends.openvino.refusal import refusal
from harness.config.color import Color, Triple
from harness.disk.parsing import parsing
from harness.errors import ModelError

_DTYPES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16", "f64": "float64", "u8": "uint8", "i8": "int8"}
_NOTHING: tuple[Triple, Triple] = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def describe(model: Path) -> ModelDescription:
    """Return what an IR says. Raises ModelError if it cannot be read."""
    contract = read_contract(model)
    ov = import_openvino()
    try:
        network = ov.Core().read_model(str(model))
    except RuntimeError as error:
        raise ModelError(f"{model}: {refusal(model, error)}") from None
    with parsing(model, ModelError, "convert it again", what="OpenVINO cannot describe this model", say=reason):
        inputs = tuple(_tensor(port, _names(input_names(network), port)) for port in network.inputs)
        outputs = tuple(_tensor(port, _names(output_names(network), port)) for port in network.outputs)
    source = f"rt_info of {model.name}"
    mean, scale, inside = _inside(contract, source)
    return ModelDescription(
        inputs=inputs,
        outputs=outputs,
        source=f"layers of {model.name}",
        derivation="converted",
        color=_color(contract, source),
        mean=mean,
        scale=scale,
        inside=inside,
    )


def _inside(
    contract: IrContract, source: str
) -> tuple[Stated[Triple] | None, Stated[Triple] | None, tuple[Stated[str], ...]]:
    """Return mean and scale that are left to do where the IR has its own inside, and sentences on what is inside."""
    if contract.source is None or contract.mean is None or contract.scale is None:
        return None, None, ()
    inside = []
    if contract.reversed_channels:
        inside.append(Stated("swaps the colour channels", source))
    if (contract.mean, contract.scale) == _NOTHING:
        return None, None, (*inside, Stated("has neither mean nor scale inside", source))
    held = f"mean {numbers(contract.mean)} and scale {numbers(contract.scale)}"
    where = f"{source}: has {held} inside"
    return Stated(_NOTHING[0], where), Stated(_NOTHING[1], where), tuple(inside)


def _color(contract: IrContract, source: str) -> Stated[Color] | None:
    if contract.color:
        return Stated(contract.color, source)
    if contract.reversed_channels:  # networks are trained on RGB as a rule
        return Stated("BGR", f"{source}: reverse_input_channels, the original taken to be RGB")
    return None


def _names(names: Mapping[str, Any], port: Any) -> list[str]:
    return [name.removesuffix(":0") for name, other in names.items() if other == port]


def _tensor(port: Any, names: list[str]) -> Tensor:
    shape = port.get_partial_shape()
    sides = None
    if shape.rank.is_static:
        sides = shape_of([None if side.is_dynamic else int(side.get_length()) for side in shape])
    kind = port.get_element_type().to_string()
    producer = port.get_node()
    if producer.get_type_name() == "Result":
        producer = producer.input_value(0).get_node()
    return Tensor(
        names[0], sides, _DTYPES.get(kind, kind), operation=producer.get_type_name(), aliases=tuple(names[1:])
    )
