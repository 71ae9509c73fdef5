"""Compares the constants of two networks, layer by layer, without running anything.

What rounding to f16, bf16 or 8 bits does to a weight is known exactly, so it is distinguished from a change.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.diagnosis.layers.alike import (
    How,
    Seen,
    another_mean,
    as_flattened,
    fed_otherwise,
    how_changed,
    pixels_seen,
)
from harness.diagnosis.layers.layer import Doubles, Layer
from harness.diagnosis.layers.matching import Match, Matching
from harness.diagnosis.layers.rounding import Class, class_of, expected_rounding

Bias = Literal["equal", "rounded", "lost", "added", "changed"]

_BIAS: dict[Class, float] = {"equal": 2.0**-17, "f16": 2.0**-8, "bf16": 2.0**-5, "input": 2.0**-17}
_NOTHING = 1e-12


@dataclass(frozen=True)
class LayerWeights:
    """How the weights of one layer differ.

    ``relative``: length of the difference over that of the original's weights, what rounding explains included;
    ``rounding``: what the candidate's way to hold weights explains of it; ``largest``: difference of one weight over
    the largest weight; ``channels``: output channels whose weights differ, of ``of`` that there are; ``how``: of
    changed weights, and ``note`` says more; ``seen``: of weights of the class input, as ``pixels_seen``;
    ``bias_relative``: as ``relative``; ``clip``: (low, high) of reference and candidate where they differ;
    ``attributes``: names of those that differ.
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
    seen: Seen | None
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
    one, other = _sides(match)
    ours, theirs = compared_weights(match)
    kind, tolerance = class_of(one, other, ours, theirs)
    difference = theirs - ours
    outside = np.abs(difference) > tolerance
    note, how = "", None
    same = one.given if one.given and other.given and one.given.is_that_of(other.given) else None
    if kind == "changed" and (fed := fed_otherwise(match.reference, match.candidate, ours, theirs, same)):
        kind, note, outside = "input", fed, np.zeros_like(outside)
    rows = difference.reshape(len(ours), -1)
    channels = tuple(int(number) for number in np.flatnonzero(outside.reshape(len(ours), -1).any(axis=1)))
    if kind == "changed":
        how, note = how_changed(ours, theirs, channels)
    length = float(np.linalg.norm(ours)) or 1.0
    bias, bias_channels = _bias(one, other, kind)
    if bias == "changed" and not same and (fed := another_mean(one, other)):
        kind, note, bias, bias_channels = "input", fed, "rounded", ()
    return LayerWeights(
        match=match,
        weights=kind,
        relative=float(np.linalg.norm(rows)) / length,
        rounding=expected_rounding(one, other, ours) / length,
        largest=float(np.abs(difference).max(initial=0)) / (float(np.abs(ours).max(initial=0)) or 1.0),
        channels=channels if kind == "changed" else (),
        of=len(ours),
        how=how,
        note=note,
        seen=pixels_seen(one, other) if kind == "input" else None,
        bias=bias,
        bias_relative=float(np.linalg.norm(other.bias - one.bias)) / (float(np.linalg.norm(one.bias)) or 1.0),
        bias_channels=bias_channels,
        clip=_clip(one, other),
        attributes=_attributes(one, other),
    )


def compared_weights(match: Match) -> tuple[Doubles, Doubles]:
    """Return the weights of both layers in one shape, float64 (out, in of a group, height, width) each."""
    one, other = _sides(match)
    return one.weights, _in_shape(one, other)


def _sides(match: Match) -> tuple[Layer, Layer]:
    one, other = match.reference, match.candidate
    return (one, other) if one.of_pixels == other.of_pixels else (one.plain or one, other.plain or other)


def _in_shape(one: Layer, other: Layer) -> Doubles:
    """Return the candidate's weights in the shape of the reference's, with what a flattening did to their order."""
    values = other.weights
    if values.shape != one.weights.shape:
        values = values.reshape(one.weights.shape)
    elif one.kind == other.kind == "dense":
        return as_flattened(one.weights, values)
    return values


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
