"""The preprocessing that an IR states, compared with the configuration's. Without OpenVINO, and fast."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.backends.openvino.contract import IrContract, numbers, read_contract
from harness.config import Candidate, Config, Input
from harness.config.color import Color, Triple, in_order


def contract_contradictions(config: Config, candidate: Candidate, contract: IrContract | None = None) -> list[str]:
    """Return one sentence for each way in which the candidate's IR contradicts the configuration; empty: none is known.

    An IR that carries no contract is contradicted by nothing but its shape: what it computes is left to the parity
    gate. ``contract``: where it was read already. Raises ModelError if the .xml cannot be read.
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
        return [
            (
                f"the IR takes {sides[0]}x{sides[1]} pixels, but `dataset.preprocess.size` is {size}; set it to "
                "the IR's size"
            )
        ]
    return []


def _color_fault(contract: IrContract, config: Config, candidate: Candidate) -> list[str]:
    original = config.reference.input.color if config.reference else None
    if contract.color is not None:
        wants, why = contract.color, f"it was converted for {contract.color}"
    elif contract.reversed_channels is None or original is None:
        return []
    elif contract.reversed_channels:
        wants = _swapped(original)
        why = f"it was converted with --reverse_input_channels from a model that expects {original}"
    else:
        wants = original
        why = f"it was converted without --reverse_input_channels from a model that expects {original}"
    if wants == candidate.input.color:
        return []
    asked = candidate.input.color
    mend = f"write `color: {wants}`, or run `harness convert` for {asked}"
    return [f"the IR expects {wants} ({why}), but `input.color` is {asked}: the channels would be swapped; {mend}"]


def _swapped(color: Color) -> Color:
    return "BGR" if color == "RGB" else "RGB"


def _normalisation_fault(contract: IrContract, config: Config, candidate: Candidate) -> list[str]:
    if contract.mean is None or contract.scale is None:
        written = {key: value for key, value in contract.parameters.items() if "mean" in key or "scale" in key}
        listed = ", ".join(f"{key}: {value!r}" for key, value in written.items())
        return [f"the mean and scale inside the IR cannot be read ({listed}); run `harness convert`"]
    asked = candidate.input
    if config.reference is None:
        return _applied_twice(contract.mean, contract.scale, asked)
    reference = config.reference.input
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
        (True, False): "inside the IR are not the reference's; run `harness convert`, or fix `reference.input`",
        (False, True): f"in `input` are not the reference's; write {_yaml(reference, asked.color)} there",
    }[inside, outside]
    together = f"together {numbers(whole_mean)} and {numbers(whole_scale)}"
    return [f"mean and scale {kind} ({together}, the reference has {numbers(wanted_mean)} and {numbers(wanted_scale)})"]


def _applied_twice(mean: Triple, scale: Triple, asked: Input) -> list[str]:
    """Return what can be said without a reference: that a normalisation is inside the IR and in `input` as well."""
    plain = ((0.0,) * 3, (1.0,) * 3)
    if (mean, scale) == plain or (asked.mean_per_channel, asked.scale_per_channel) == plain:
        return []
    return ["mean and scale would be applied twice, inside the IR and by `input`; leave them out of `input`"]


def _same(left: Sequence[float], right: Sequence[float]) -> bool:
    return all(math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-6) for one, other in zip(left, right, strict=True))


def _yaml(reference: Input, color: Color) -> str:
    mean = in_order(reference.mean_per_channel, reference.color, color)
    scale = in_order(reference.scale_per_channel, reference.color, color)
    return f"`mean: {_yaml_value(mean)}` and `scale: {_yaml_value(scale)}`"


def _yaml_value(values: Sequence[float]) -> str:
    text = numbers(values)
    return f"[{text}]" if "," in text else text
