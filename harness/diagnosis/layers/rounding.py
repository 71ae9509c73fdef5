"""What rounding explains: how far each weight may be off where it was held in f32, f16, bf16 or 8 bits."""

from __future__ import annotations

from typing import Literal

import numpy as np

from harness.diagnosis.layers.layer import Doubles, Layer

Class = Literal["equal", "f16", "bf16", "int8", "input", "changed"]

# Each of the few roundings between two ways to fold a batch norm moves a weight by 2^-24 of itself.
_F32 = 2.0**-20
_NARROW: dict[Class, float] = {"f16": 2.0**-11, "bf16": 2.0**-8}
_ROUNDINGS = 2.1  # weights and what scales them are each rounded once
_STEPS = 0.5 + 1e-3
_OUTSIDE = 0.005  # of quantised weights, which a calibration may have cut off
_GRID = 1e-3  # of a step, which f32 leaves of a multiple of it
_TESTED = 6  # weights that are all on a grid by chance once in 1e16
_NOTHING = 1e-12


def class_of(one: Layer, other: Layer, ours: Doubles, theirs: Doubles) -> tuple[Class, Doubles]:
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
        allowed = _STEPS * step + exact
        outside = difference > allowed
        share = np.where(outside, difference, 0) / np.maximum(reach, _NOTHING)
        if outside.mean() <= _OUTSIDE and float(share.max()) < 0.5:
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
    """Return the step of each weight, in a shape that goes with (out, in, height, width); None if there is none."""
    steps = [_known(layer.step) for layer in (one, other) if layer.storage == "int" and layer.step is not None]
    if steps:
        return np.asarray(np.maximum.reduce(steps)[:, None, None, None])
    plain = other.plain or other
    grid = _grid(plain.weights)
    return None if grid is None else grid * other.reach


def _known(step: Doubles) -> Doubles:
    """Return the step of each channel; the largest one where it is unknown, since all weights are the same integer.

    Such a channel has weights of almost nothing: their step is not their own, but the least that a converter uses.
    """
    return np.where(step > 0, step, step.max(initial=0))


def _grid(weights: Doubles) -> Doubles | None:
    """Return the step of weights in f32 that were rounded to 8 bits by output or by input channel; None of others."""
    for axes in ((1, 2, 3), (0, 2, 3)):
        step = np.abs(weights).max(axis=axes, keepdims=True) / 127
        levels = weights / np.where(step > 0, step, 1)
        tested = weights.size - step.size  # the largest weight of a channel is on the grid by itself
        if tested >= _TESTED and (np.abs(levels - np.rint(levels)) < _GRID).all() and (step > 0).any():
            return np.asarray(step)
    return None


def expected_rounding(one: Layer, other: Layer, ours: Doubles) -> float:
    """Return the length of the difference that rounding to the candidate's type makes, as it is on average."""
    if other.storage == "int" and other.step is not None:
        return float(np.sqrt((np.square(other.step) / 12).sum() * ours[0].size))
    width = {"f16": _NARROW["f16"], "bf16": _NARROW["bf16"]}.get(other.storage)
    if width is None or one.storage == other.storage:
        return 0.0
    return float(np.linalg.norm(ours) * width / np.sqrt(6))
