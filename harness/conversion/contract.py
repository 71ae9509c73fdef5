"""What an IR says of its own preprocessing, held against what the configuration says. Without OpenVINO, and fast."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast

from harness.backends.openvino import mo_parameters
from harness.backends.openvino.ir_files import ir_sha256, weights_file_fault
from harness.backends.openvino.ir_xml import IrXml, integer_bytes, read_ir_xml, weights_type
from harness.config import Candidate, Config, Input
from harness.config.color import Color, Triple, in_order

__all__ = [
    "DIGESTS",
    "IrContract",
    "calibrated_on",
    "contract_contradictions",
    "describe",
    "ir_sha256",
    "read_contract",
    "weights_file_fault",
]

Source = Literal["harness", "model-optimizer"]
DIGESTS = "calibration_sha256"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class IrContract:
    """The preprocessing that an IR holds, as far as the IR says.

    ``source``: who wrote it down; None where nothing is written, and then nothing but ``weights`` and ``shape`` is
    known. ``color``: the order that the input wants, where the IR says it itself. ``reversed_channels``: the model
    swaps the channels first. ``mean``, ``scale``: ``(x - mean) / scale`` inside the model, after that swap, so in the
    **original** model's colour order; None: unknown. ``weights``: type of most bytes of the constants.
    ``nncf``: the version of NNCF that compressed it; empty: none did.
    ``shape``: of the first input, -1 where free. ``parameters``: everything that was written down, as it was.
    """

    source: Source | None
    color: Color | None = None
    reversed_channels: bool | None = None
    mean: Triple | None = None
    scale: Triple | None = None
    weights: str | None = None
    layout: str | None = None
    shape: tuple[int, ...] | None = None
    model_name: str = ""
    tool: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    nncf: str = ""


def read_contract(xml: Path) -> IrContract:
    """Read the contract that an IR carries. Raises ModelError where the .xml is missing, cut off, or no IR."""
    return contract_of(read_ir_xml(xml))


def contract_of(content: IrXml) -> IrContract:
    """Return the contract that the content of an .xml carries."""
    ours = content.section("harness")
    if ours:
        return _from_harness(content, ours)
    tool = content.rt_info.get("MO_version", "")
    parameters = content.section("conversion_parameters") or content.section("cli_parameters")
    if tool and parameters:
        return _from_model_optimizer(content, parameters, tool)
    return _common(content, None, tool=content.rt_info.get("Runtime_version", ""), parameters=parameters)


def _common(content: IrXml, source: Source | None, *, tool: str, parameters: Mapping[str, str]) -> IrContract:
    return IrContract(
        source=source,
        weights=weights_type(content),
        shape=content.inputs[0].shape if content.inputs else None,
        layout=_layout(content.inputs[0].shape) if content.inputs else None,
        model_name=content.name,
        tool=tool,
        parameters=parameters,
        nncf=content.rt_info.get("nncf/version", ""),
    )


def _from_harness(content: IrXml, ours: Mapping[str, str]) -> IrContract:
    common = _common(content, "harness", tool=f"harness {ours.get('harness_version', '?')}", parameters=ours)
    color = ours.get("color")
    return replace(
        common,
        color=cast("Color", color) if color in ("RGB", "BGR") else None,
        reversed_channels={"true": True, "false": False}.get(ours.get("channels_reversed", "")),
        mean=mo_parameters.channels(ours.get("mean_inside"), 0.0),
        scale=mo_parameters.channels(ours.get("scale_inside"), 1.0),
        layout=ours.get("layout", common.layout),
        # in a small network the scales take more bytes than the weights, so what was asked decides
        weights="int8" if ours.get("weights") == "int8" and integer_bytes(content) else common.weights,
    )


def _from_model_optimizer(content: IrXml, parameters: Mapping[str, str], tool: str) -> IrContract:
    return replace(
        _common(content, "model-optimizer", tool=tool, parameters=parameters),
        reversed_channels=mo_parameters.reversed_channels(parameters),
        mean=mo_parameters.mean_inside(parameters),
        scale=mo_parameters.scale_inside(parameters),
    )


def _layout(shape: tuple[int, ...]) -> str | None:
    if len(shape) != 4 or (shape[1] == 3) == (shape[3] == 3):
        return None
    return "NHWC" if shape[3] == 3 else "NCHW"


def describe(contract: IrContract) -> list[tuple[str, str]]:
    """Return the contract as rows of name and value, to be shown."""
    swap = {None: "unknown", True: "swapped inside first", False: "not swapped inside"}[contract.reversed_channels]
    return [
        ("written down by", contract.source or "the IR has no preprocessing metadata"),
        ("tool", contract.tool or "unknown"),
        ("model", contract.model_name or "unnamed"),
        ("color order", contract.color or "as the original model's, " + swap if contract.source else "unknown"),
        ("mean inside", _numbers(contract.mean) if contract.mean else "unknown"),
        ("scale inside", _numbers(contract.scale) if contract.scale else "unknown"),
        ("layout", contract.layout or "unknown"),
        ("input shape", "x".join("?" if side < 0 else str(side) for side in contract.shape or ()) or "unknown"),
        ("weights", contract.weights or "none"),
        *([("calibrated on", _calibrated(contract))] if contract.nncf else []),
    ]


def _calibrated(contract: IrContract) -> str:
    count = contract.parameters.get("calibration_count")
    images = f"{count} images, named by sha256" if count else "unknown images: they may be among the evaluated ones"
    return f"{images} (NNCF {contract.nncf})"


def calibrated_on(contract: IrContract) -> frozenset[bytes]:
    """Return the sha256 digests of the images that an IR says it was calibrated on; empty where it names none."""
    written = contract.parameters.get(DIGESTS, "") if contract.source == "harness" else ""
    return frozenset(bytes.fromhex(item) for item in written.split() if _DIGEST.fullmatch(item))


def _numbers(values: Sequence[float]) -> str:
    texts = [f"{value:.6g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)


def contract_contradictions(config: Config, candidate: Candidate, contract: IrContract | None = None) -> list[str]:
    """Return one sentence for each way in which the candidate's IR contradicts the configuration; empty: none is known.

    An IR that carries no contract is contradicted by nothing but its shape: what it computes is left to the parity
    gate. ``contract``: where it was read already. Raises ModelError where the .xml cannot be read.
    """
    contract = contract or read_contract(candidate.model)
    found = [*_shape_fault(contract, config, candidate), *_color_fault(contract, config, candidate)]
    if contract.source is not None:
        found += _normalisation_fault(contract, config, candidate)
    return [f"{candidate.id}: {sentence}" for sentence in found]


def _shape_fault(contract: IrContract, config: Config, candidate: Candidate) -> list[str]:
    expected = config.preprocess_for(candidate).output_size
    shape = contract.shape or ()
    sides = shape[2:] if contract.layout == "NCHW" else shape[1:3]
    if contract.layout and any(side not in (-1, length) for side, length in zip(sides, expected, strict=True)):
        size = expected[0] if expected[0] == expected[1] else list(expected)
        return [f"the IR takes {sides[0]}x{sides[1]} pixels, `dataset.preprocess.size` is {size}; write that size"]
    return []


def _color_fault(contract: IrContract, config: Config, candidate: Candidate) -> list[str]:
    original = config.reference.input.color
    if contract.color is not None:
        wants, why = contract.color, f"it was converted for {contract.color}"
    elif contract.reversed_channels is None:
        return []
    elif contract.reversed_channels:
        wants = _swapped(original)
        why = f"it was converted with --reverse_input_channels from a model that wants {original}"
    else:
        wants = original
        why = f"it was converted without --reverse_input_channels from a model that wants {original}"
    if wants == candidate.input.color:
        return []
    asked = candidate.input.color
    mend = f"write `color: {wants}`, or run `harness convert` for {asked}"
    return [f"the IR wants {wants} ({why}), but `input.color` is {asked}: the channels would be swapped; {mend}"]


def _swapped(color: Color) -> Color:
    return "BGR" if color == "RGB" else "RGB"


def _normalisation_fault(contract: IrContract, config: Config, candidate: Candidate) -> list[str]:
    if contract.mean is None or contract.scale is None:
        written = {key: value for key, value in contract.parameters.items() if "mean" in key or "scale" in key}
        listed = ", ".join(f"{key}: {value!r}" for key, value in written.items())
        return [f"the mean and scale inside the IR cannot be read ({listed}); run `harness convert`"]
    reference, asked = config.reference.input, candidate.input
    mean = in_order(asked.mean_per_channel, asked.color, reference.color)
    scale = in_order(asked.scale_per_channel, asked.color, reference.color)
    # (((x - mean) / scale) - inside mean) / inside scale  =  (x - whole mean) / whole scale
    whole_mean = tuple(m + s * inside for m, s, inside in zip(mean, scale, contract.mean, strict=True))
    whole_scale = tuple(s * inside for s, inside in zip(scale, contract.scale, strict=True))
    wanted_mean, wanted_scale = reference.mean_per_channel, reference.scale_per_channel
    if _same(whole_mean, wanted_mean) and _same(whole_scale, wanted_scale):
        return []
    inside = contract.mean != (0.0,) * 3 or contract.scale != (1.0,) * 3
    outside = mean != (0.0,) * 3 or scale != (1.0,) * 3
    kind = {
        (True, True): "would be applied twice, inside the IR and by `input`; leave `mean` and `scale` out of `input`",
        (False, False): f"are missing: neither in the IR nor in `input`; write {_yaml(reference, asked.color)} there",
        (True, False): "inside the IR are not the reference's; run `harness convert`, or mend `reference.input`",
        (False, True): f"in `input` are not the reference's; write {_yaml(reference, asked.color)} there",
    }[inside, outside]
    together = f"together {_numbers(whole_mean)} and {_numbers(whole_scale)}"
    return [
        f"mean and scale {kind} ({together}, the reference has {_numbers(wanted_mean)} and {_numbers(wanted_scale)})"
    ]


def _same(left: Sequence[float], right: Sequence[float]) -> bool:
    return all(math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-6) for one, other in zip(left, right, strict=True))


def _yaml(reference: Input, color: Color) -> str:
    mean = in_order(reference.mean_per_channel, reference.color, color)
    scale = in_order(reference.scale_per_channel, reference.color, color)
    return f"`mean: {_yaml_value(mean)}` and `scale: {_yaml_value(scale)}`"


def _yaml_value(values: Sequence[float]) -> str:
    text = _numbers(values)
    return f"[{text}]" if "," in text else text
