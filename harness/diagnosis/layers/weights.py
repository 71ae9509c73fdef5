"""Constants of two networks held against each other, layer by layer, without running anything.

What rounding to f16, bf16 or 8 bits does to a weight is known exactly, so it is told from a change.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.diagnosis.layers.layer import Doubles, Layer
from harness.diagnosis.layers.matching import Match, Matching

Class = Literal["equal", "f16", "bf16", "int8", "input", "changed"]
How = Literal["values", "transposed", "scaled", "channels"]
Bias = Literal["equal", "rounded", "lost", "added", "changed"]

# Each of the few roundings between two ways to fold a batch norm moves a weight by 2^-24 of itself.
_F32 = 2.0**-20
_NARROW: dict[Class, float] = {"f16": 2.0**-11, "bf16": 2.0**-8}
_ROUNDINGS = 2.1  # weights and what scales them are each rounded once
_BIAS: dict[Class, float] = {"equal": 2.0**-17, "f16": 2.0**-8, "bf16": 2.0**-5, "input": 2.0**-17}
_STEPS = 0.5 + 1e-3
_OUTSIDE = 0.005  # of quantised weights, which a calibration may have cut off
_GRID = 1e-3  # of a step, which f32 leaves of a multiple of it
_NOTHING = 1e-12


@dataclass(frozen=True)
class LayerWeights:
    """How the weights of one layer differ.

    ``relative``: length of the difference over that of the original's weights, what rounding explains included;
    ``rounding``: what the candidate's way to hold weights explains of it; ``largest``: difference of one weight over
    the largest weight; ``channels``: output channels whose weights differ, of ``of`` that there are; ``how``: of
    changed weights, and ``note`` says more; ``bias_relative``: as ``relative``; ``clip``: (low, high) of reference and
    candidate where they differ; ``attributes``: names of those that differ.
    """

    match: Match
    weights: Class
    relative: float
    rounding: float
    largest: float
    channels: tuple[int, ...]
    of: int
    how: How | None
    note: str
    bias: Bias
    bias_relative: float
    bias_channels: tuple[int, ...]
    clip: tuple[tuple[float | None, float | None], tuple[float | None, float | None]] | None
    attributes: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether something differs that no rounding and no feeding explains."""
        return (
            self.weights == "changed" or self.bias in ("lost", "added", "changed") or bool(self.clip or self.attributes)
        )


Verdict = Literal["same", "rounded", "changed", "another_model", "unknown"]


@dataclass(frozen=True)
class WeightsComparison:
    """All layers. ``rounding``: how the candidate holds its weights, where that is coarser than the original.

    ``verdict``: rounded is no change; another_model: more than half of the layers have other weights; unknown: fewer
    than half of the original's layers were found in the candidate.
    """

    layers: tuple[LayerWeights, ...]
    matching: Matching
    verdict: Verdict
    rounding: tuple[Class, ...]

    @property
    def changed(self) -> tuple[LayerWeights, ...]:
        """The layers that differ, in the original's order."""
        return tuple(layer for layer in self.layers if layer.differs)

    @property
    def largest_equal(self) -> float:
        """The largest relative difference of weights that count as the same; 0 where there are none."""
        return max((item.relative for item in self.layers if item.weights == "equal"), default=0.0)


def compare(matching: Matching) -> WeightsComparison:
    """Compare the weights, biases, clips and attributes of matched layers."""
    layers = tuple(compared(item) for item in matching.matches)
    weighted = [layer for layer in layers if layer.match.reference.kind != "scale"]
    rounding = tuple(dict.fromkeys(item.weights for item in weighted if item.weights in ("f16", "bf16", "int8")))
    return WeightsComparison(layers, matching, _verdict(weighted, layers, matching, rounding), rounding)


def _verdict(
    weighted: Sequence[LayerWeights],
    layers: Sequence[LayerWeights],
    matching: Matching,
    rounding: Sequence[Class],
) -> Verdict:
    total = len(weighted) + len(matching.only_reference)
    if not weighted or 2 * len(weighted) < total:
        return "unknown"
    changed = sum(1 for layer in weighted if layer.weights == "changed")
    if 2 * changed > len(weighted) and len(weighted) > 1:
        return "another_model"
    if any(layer.differs for layer in layers):
        return "changed"
    return "rounded" if rounding else "same"


def compared(match: Match) -> LayerWeights:
    """Compare one layer."""
    one, other = match.reference, match.candidate
    if one.of_pixels != other.of_pixels:
        one, other = one.plain or one, other.plain or other
    ours, theirs = one.weights, _in_shape(one, other)
    kind, tolerance = _class(one, other, ours, theirs)
    difference = theirs - ours
    outside = np.abs(difference) > tolerance
    note, how = "", None
    if kind == "changed" and (fed := _fed_otherwise(one, other, ours, theirs)):
        kind, note, outside = "input", fed, np.zeros_like(outside)
    rows = difference.reshape(len(ours), -1)
    channels = tuple(int(number) for number in np.flatnonzero(outside.reshape(len(ours), -1).any(axis=1)))
    if kind == "changed":
        how, note = _how(ours, theirs, channels)
    length = float(np.linalg.norm(ours)) or 1.0
    bias, bias_channels = _bias(one, other, kind)
    if bias == "changed" and (fed := _another_mean(one, other)):
        kind, note, bias, bias_channels = "input", fed, "rounded", ()
    return LayerWeights(
        match=match,
        weights=kind,
        relative=float(np.linalg.norm(rows)) / length,
        rounding=_rounding(one, other, ours) / length,
        largest=float(np.abs(difference).max(initial=0)) / (float(np.abs(ours).max(initial=0)) or 1.0),
        channels=channels if kind == "changed" else (),
        of=len(ours),
        how=how,
        note=note,
        bias=bias,
        bias_relative=float(np.linalg.norm(other.bias - one.bias)) / (float(np.linalg.norm(one.bias)) or 1.0),
        bias_channels=bias_channels,
        clip=_clip(one, other),
        attributes=_attributes(one, other),
    )


def _in_shape(one: Layer, other: Layer) -> Doubles:
    """Return the candidate's weights in the shape of the reference's, with what a flattening did to their order."""
    values = other.weights
    if values.shape != one.weights.shape:
        values = values.reshape(one.weights.shape)
    elif one.kind == other.kind == "dense":
        return _as_flattened(one.weights, values)
    return values


def _as_flattened(ours: Doubles, theirs: Doubles) -> Doubles:
    """Return dense weights behind a flattened picture in the order (h, w, c), where theirs are in (c, h, w).

    Which height and width a picture had is tried: only the true ones bring the same numbers to the same places.
    """
    count = ours.shape[1]
    best, least = theirs, float(np.linalg.norm(theirs - ours))
    sums = np.sort(ours.sum(axis=0).reshape(-1)), np.sort(theirs.sum(axis=0).reshape(-1))
    if least == 0 or not np.allclose(*sums, rtol=1e-2, atol=1e-2 * float(np.abs(sums[0]).max(initial=0))):
        return theirs
    for pixels in range(2, count // 2 + 1):
        if count % pixels:
            continue
        for sides in ((count // pixels, pixels), (pixels, count // pixels)):
            turned = theirs.reshape(len(theirs), *sides).transpose(0, 2, 1).reshape(theirs.shape)
            distance = float(np.linalg.norm(turned - ours))
            if distance < 0.5 * least:
                best, least = turned, distance
    return best


def _class(one: Layer, other: Layer, ours: Doubles, theirs: Doubles) -> tuple[Class, Doubles]:
    """Return the class of two arrays of weights, and how far each weight may be off in it."""
    difference = np.abs(theirs - ours)
    reach = np.abs(ours).max(axis=(1, 2, 3), keepdims=True)
    exact = _F32 * np.maximum(np.abs(ours), 0.1 * reach) + _NOTHING
    if (difference <= exact).all():
        return "equal", exact
    for kind, width in _NARROW.items():
        if kind in (one.storage, other.storage) or (kind == "f16" and _holds_f16(other)):
            floor = np.maximum(one.floor, other.floor)[:, None, None, None]
            allowed = _ROUNDINGS * width * np.abs(ours) + floor + exact
            if (difference <= allowed).all():
                return kind, allowed
    step = _step(one, other)
    if step is not None:
        allowed = _STEPS * step[:, None, None, None] + exact
        if (difference > allowed).mean() <= _OUTSIDE and float((difference / np.maximum(reach, _NOTHING)).max()) < 0.5:
            return "int8", np.maximum(allowed, difference)
        return "changed", allowed
    coarse = [_ROUNDINGS * _NARROW[kind] * np.abs(ours) + exact for kind in _NARROW if kind == other.storage]
    return "changed", coarse[0] if coarse else exact


def _holds_f16(layer: Layer) -> bool:
    """Return whether weights in f32 are those that f16 could hold: they were compressed before they were saved."""
    if layer.of_pixels:
        return False
    values = layer.weights.astype(np.float32)
    return bool((values == values.astype(np.float16)).all())


def _step(one: Layer, other: Layer) -> Doubles | None:
    steps = [layer.step for layer in (one, other) if layer.storage == "int" and layer.step is not None]
    if steps:
        return np.maximum.reduce(steps) if all(len(step) == len(steps[0]) for step in steps) else steps[-1]
    return _grid(other.weights)


def _grid(weights: Doubles) -> Doubles | None:
    """Return the step of weights in f32 that were rounded to 8 bits, by channel; None where they are on no grid."""
    flat = weights.reshape(len(weights), -1)
    step = np.abs(flat).max(axis=1) / 127
    if flat.shape[1] < 8 or not (step > 0).any():
        return None
    levels = flat[step > 0] / step[step > 0, None]
    return step if bool((np.abs(levels - np.rint(levels)) < _GRID * 127).all() and _is_whole(levels)) else None


def _is_whole(levels: Doubles) -> bool:
    return bool((np.abs(levels - np.rint(levels)) < _GRID).all())


def _fed_otherwise(one: Layer, other: Layer, ours: Doubles, theirs: Doubles) -> str:
    """Say how the first layer's weights are the original's after all, for pixels of another order or scale."""
    if not (one.of_pixels and other.of_pixels):
        return ""
    for turned, order in ((theirs, ""), (theirs[:, ::-1], "the channels in the reversed order")):
        sums = (ours * turned).sum(axis=(0, 2, 3)), (turned * turned).sum(axis=(0, 2, 3))
        factor = sums[0] / np.where(sums[1] > 0, sums[1], 1)
        scaled = turned * factor[None, :, None, None]
        if np.linalg.norm(scaled - ours) <= 1e-2 * np.linalg.norm(ours):
            same = np.allclose(factor, 1, rtol=1e-2)
            scale = "" if same else "another scale (" + ", ".join(f"{1 / f:.4g}" for f in factor[::-1]) + " times, RGB)"
            return " and ".join(part for part in (order, scale) if part) or "another mean"
    return ""


def _another_mean(one: Layer, other: Layer) -> str:
    """Say which other mean explains the first layer's bias; empty where none does."""
    if not (one.of_pixels and other.of_pixels):
        return ""
    sums, difference = one.weights.sum(axis=(2, 3)), other.bias - one.bias
    mean, *_ = np.linalg.lstsq(sums, -difference)
    if len(sums) <= len(mean) or np.linalg.norm(difference + sums @ mean) > 1e-2 * np.linalg.norm(difference):
        return ""
    return "another mean (" + ", ".join(f"{value:+.4g}" for value in mean[::-1]) + ", RGB)"


def _how(ours: Doubles, theirs: Doubles, channels: Sequence[int]) -> tuple[How, str]:
    for note, turn in _TURNS.items():
        turned = turn(theirs)
        if turned.shape == ours.shape and _near(turned, ours):
            return "transposed", note
    flat, found = ours.reshape(len(ours), -1), theirs.reshape(len(theirs), -1)
    weight = (flat * flat).sum(axis=1)
    factor = (flat * found).sum(axis=1) / np.where(weight > 0, weight, 1)
    if flat.shape[1] > 1 and _near(flat * factor[:, None], found):
        changed = [float(factor[number]) for number in channels]
        low, high = f"{min(changed, default=1):.4g}", f"{max(changed, default=1):.4g}"
        return "scaled", low if low == high else f"{low} to {high}"
    if len(channels) <= max(1, len(ours) // 10):
        return "channels", ""
    return "values", ""


def _near(values: Doubles, wanted: Doubles) -> bool:
    return float(np.linalg.norm(values - wanted)) <= 1e-3 * float(np.linalg.norm(wanted))


def _in_and_out(values: Doubles) -> Doubles:
    return values.transpose(1, 0, 2, 3)


_TURNS: dict[str, Callable[[Doubles], Doubles]] = {
    "height and width exchanged": lambda values: values.transpose(0, 1, 3, 2),
    "height and width reversed": lambda values: values[:, :, ::-1, ::-1],
    "height reversed": lambda values: values[:, :, ::-1],
    "width reversed": lambda values: values[..., ::-1],
    "input and output channels exchanged": _in_and_out,
    "input and output channels exchanged without their order": lambda values: _in_and_out(values).reshape(values.shape),
    "input channels reversed": lambda values: values[:, ::-1],
    "output channels reversed": lambda values: values[::-1],
}


def _rounding(one: Layer, other: Layer, ours: Doubles) -> float:
    """Return the length of the difference that rounding to the candidate's type makes, as it is on average."""
    if other.storage == "int" and other.step is not None:
        return float(np.sqrt((np.square(other.step) / 12).sum() * ours[0].size))
    width = {"f16": _NARROW["f16"], "bf16": _NARROW["bf16"]}.get(other.storage)
    if width is None or one.storage == other.storage:
        return 0.0
    return float(np.linalg.norm(ours) * width / np.sqrt(6))


def _bias(one: Layer, other: Layer, kind: Class) -> tuple[Bias, tuple[int, ...]]:
    if one.bias.shape != other.bias.shape:
        return "changed", ()
    difference = np.abs(other.bias - one.bias)
    size = max(one.size, other.size)
    exact = _BIAS["equal"] * max(size, _NOTHING) + _NOTHING
    everywhere = tuple(int(number) for number in np.flatnonzero(difference > exact))
    if not everywhere:
        return "equal", ()
    own, its = (one.plain or one).bias, (other.plain or other).bias
    if np.abs(its).max() <= exact < np.abs(own).max():
        return "lost", everywhere
    if np.abs(own).max() <= exact < np.abs(its).max() and not one.of_pixels:
        return "added", everywhere
    if kind in ("int8", "input") or other.storage == "int":
        return "rounded", ()  # 8 bits are calibrated with the bias, and another mean is one, too
    loose = _BIAS.get("f16" if other.storage == "f16" else "bf16" if other.storage == "bf16" else "equal", exact)
    off = tuple(int(number) for number in np.flatnonzero(difference > loose * size + _NOTHING))
    return ("changed", off) if off else ("rounded", ())


def _clip(
    one: Layer, other: Layer
) -> tuple[tuple[float | None, float | None], tuple[float | None, float | None]] | None:
    ours, theirs = (one.low, one.high), (other.low, other.high)
    for mine, found in zip(ours, theirs, strict=True):
        if mine is None and found is None:
            continue
        if found is None and other.storage == "int":
            continue  # the limits of the integers clip
        if mine is None or found is None or abs(mine - found) > 1e-3 * max(1.0, abs(mine)):
            return ours, theirs
    return None


def _attributes(one: Layer, other: Layer) -> tuple[str, ...]:
    names = itertools.chain(one.attributes)
    return tuple(name for name in names if name in other.attributes and one.attributes[name] != other.attributes[name])
