"""What an IR states about its own preprocessing. Without OpenVINO, and fast."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast

from harness.backends.layouts import layout_of
from harness.backends.openvino import mo_parameters
from harness.backends.openvino.ir_xml import IrXml, integer_bytes, read_ir_xml, weights_type
from harness.config.color import Color, Triple

Source = Literal["harness", "model-optimizer"]
DIGESTS = "calibration_sha256"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class IrContract:
    """The preprocessing that an IR holds, as far as the IR says.

    ``source``: who wrote it down; None if nothing is written, and then nothing but ``weights`` and ``shape`` is known.
    ``color``: the order that the input wants, where the IR says it itself. ``reversed_channels``: the model swaps the
    channels first. ``mean``, ``scale``: ``(x - mean) / scale`` inside the model, after that swap, so in the
    **original** model's colour order; None: unknown. ``weights``: type of most bytes of the constants. ``nncf``: the
    version of NNCF that compressed it; empty: none did. ``shape``: of the first input, -1 where free. ``parameters``:
    everything that was written down, as it was.
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
    """Read the contract that an IR carries. Raises ModelError if the .xml is missing, cut off, or no IR."""
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
        layout=layout_of(content.inputs[0].shape) if content.inputs else None,
        model_name=content.name,
        tool=tool,
        parameters=parameters,
        nncf=content.rt_info.get("nncf/version", ""),
    )


def _from_harness(content: IrXml, ours: Mapping[str, str]) -> IrContract:
    found = with_written(_common(content, "harness", tool="", parameters=ours), ours)
    return replace(
        found,
        # in a small network the scales take more bytes than the weights, so the requested precision decides
        weights="int8" if ours.get("weights") == "int8" and integer_bytes(content) else found.weights,
    )


def with_written(contract: IrContract, ours: Mapping[str, str]) -> IrContract:
    """Return a contract with what the harness wrote down of it when it converted the model."""
    color = ours.get("color")
    return replace(
        contract,
        color=cast("Color", color) if color in ("RGB", "BGR") else None,
        reversed_channels={"true": True, "false": False}.get(ours.get("channels_reversed", "")),
        mean=mo_parameters.channels(ours.get("mean_inside"), 0.0),
        scale=mo_parameters.channels(ours.get("scale_inside"), 1.0),
        layout=ours.get("layout", contract.layout),
        tool=f"harness {ours.get('harness_version', '?')}",
    )


def _from_model_optimizer(content: IrXml, parameters: Mapping[str, str], tool: str) -> IrContract:
    return replace(
        _common(content, "model-optimizer", tool=tool, parameters=parameters),
        reversed_channels=mo_parameters.reversed_channels(parameters),
        mean=mo_parameters.mean_inside(parameters),
        scale=mo_parameters.scale_inside(parameters),
    )


def describe(contract: IrContract) -> list[tuple[str, str]]:
    """Return the contract as rows of name and value, to be shown."""
    swap = {None: "unknown", True: "swapped inside first", False: "not swapped inside"}[contract.reversed_channels]
    return [
        ("preprocessing from", contract.source or "the IR has no preprocessing metadata"),
        ("tool", contract.tool or "unknown"),
        ("model", contract.model_name or "unnamed"),
        ("color order", contract.color or "as in the original model, " + swap if contract.source else "unknown"),
        ("mean inside", numbers(contract.mean) if contract.mean else "unknown"),
        ("scale inside", numbers(contract.scale) if contract.scale else "unknown"),
        ("layout", contract.layout or "unknown"),
        ("input shape", "x".join("?" if side < 0 else str(side) for side in contract.shape or ()) or "unknown"),
        ("weights", contract.weights or "none"),
        *([("calibrated on", _calibrated(contract))] if contract.nncf else []),
    ]


def _calibrated(contract: IrContract) -> str:
    count = contract.parameters.get("calibration_count")
    images = f"{count} images, named by sha256" if count else "unknown images, which may be among the evaluated ones"
    return f"{images} (NNCF {contract.nncf})"


def calibrated_on(contract: IrContract) -> frozenset[bytes]:
    """Return the sha256 digests of the images that an IR says it was calibrated on; empty if it names none."""
    written = contract.parameters.get(DIGESTS, "") if contract.source == "harness" else ""
    return frozenset(bytes.fromhex(item) for item in written.split() if _DIGEST.fullmatch(item))


def numbers(values: Sequence[float]) -> str:
    """Return per-channel numbers as text, one where they are equal."""
    texts = [f"{value:.6g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)
