"""How weights that differ are alike after all: turned, scaled, fed otherwise, or in some channels only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.diagnosis.layers.layer import Doubles, Given, Layer

How = Literal["values", "transposed", "scaled", "channels", "not_finite"]
_UNEXPLAINED = 0.1  # of a difference, at most
_READ = 1e-4  # of weights and bias, by which they may be off what is read of them


def as_flattened(ours: Doubles, theirs: Doubles) -> Doubles:
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


@dataclass(frozen=True)
class Seen:
    """What a candidate sees instead of decoded pixels x, BGR: ``factor * x[order] + offset``, each (3,)."""

    order: tuple[int, ...]
    factor: Doubles
    offset: Doubles


def pixels_seen(one: Layer, other: Layer) -> Seen | None:
    """Return what a candidate's first layer sees instead of what the original's sees; None: it cannot be read.

    With W and b the original's weights and bias, the candidate's are W * factor, in an order of the channels, and
    b + W offset.
    """
    if not (one.of_pixels and other.of_pixels) or one.weights.shape != other.weights.shape:
        return None
    for order in _ORDERS:
        turned = other.weights[:, list(order)]
        length = (one.weights * one.weights).sum(axis=(0, 2, 3))
        if not (length > 0).all():
            return None
        factor = (one.weights * turned).sum(axis=(0, 2, 3)) / length
        if not np.linalg.norm(one.weights * factor[None, :, None, None] - turned) <= _READ * np.linalg.norm(turned):
            continue
        sums, moved = one.weights.sum(axis=(2, 3)), other.bias - one.bias
        if len(sums) <= len(factor):
            return None
        offset, *_ = np.linalg.lstsq(sums, moved)
        if not np.linalg.norm(moved - sums @ offset) <= _READ * max(float(np.linalg.norm(moved)), one.size):
            return None
        return Seen(order, factor, np.asarray(offset))
    return None


def fed_otherwise(one: Layer, other: Layer, ours: Doubles, theirs: Doubles, same: Given | None = None) -> str:
    """Return how the first layer's weights are the original's after all, for pixels of another order or scale.

    ``same``: what both are known to be given, if that is the same, so that only the order may differ. Where of one of
    the two it is unknown what it is fed, since what comes before it could not be read, nothing can be said of order and
    scale.
    """
    if not (one.of_pixels or other.of_pixels) or _differs_by_channel(ours, theirs):
        return ""
    unread = one.of_pixels != other.of_pixels
    for order, words in _ORDERS.items():
        turned = theirs[:, list(order)]
        sums = (ours * turned).sum(axis=(0, 2, 3)), (turned * turned).sum(axis=(0, 2, 3))
        factor = sums[0] / np.where(sums[1] > 0, sums[1], 1)
        scaled = turned * factor[None, :, None, None]
        if np.linalg.norm(scaled - ours) <= 1e-2 * np.linalg.norm(ours):
            unscaled = np.allclose(factor, 1, rtol=1e-3)
            if same and not (words and np.allclose(factor, same.factor / same.factor[list(order)], rtol=1e-3)):
                continue
            times = ", ".join(f"{1 / value:.4g}" for value in factor[::-1])
            scale = "" if unscaled else f"another scale ({times} times, RGB)"
            if unread:
                return "pixels through operations that could not be read"
            return " and ".join(part for part in (words, scale) if part) or "another mean"
    return ""


# Of three channels: which of the candidate's stands for each of the original's, and words on it.
_ORDERS = {
    (0, 1, 2): "",
    (2, 1, 0): "the channels in the reversed order",
    **dict.fromkeys(((1, 2, 0), (2, 0, 1), (1, 0, 2), (0, 2, 1)), "the channels in another order"),
}


def _differs_by_channel(ours: Doubles, theirs: Doubles) -> bool:
    """Return whether each output channel has a factor of its own, which no way of feeding gives."""
    factors = channel_factors(ours, theirs)
    return factors is not None and bool(np.ptp(factors) > 1e-4 * np.abs(factors).max())


def another_mean(one: Layer, other: Layer) -> str:
    """Return which other mean explains the first layer's bias; empty if none does."""
    if not (one.of_pixels and other.of_pixels):
        return ""
    sums, difference = one.weights.sum(axis=(2, 3)), other.bias - one.bias
    mean, *_ = np.linalg.lstsq(sums, -difference)
    if len(sums) <= len(mean) or np.linalg.norm(difference + sums @ mean) > 1e-2 * np.linalg.norm(difference):
        return ""
    return "another mean (" + ", ".join(f"{value:+.4g}" for value in mean[::-1]) + ", RGB)"


def how_changed(ours: Doubles, theirs: Doubles, channels: Sequence[int]) -> tuple[How, str]:
    """Return how changed weights, (out, in, height, width) each, are made of the original's, and a word on it."""
    if lost := int((~np.isfinite(theirs)).sum()):
        return "not_finite", f"{lost:,} of {theirs.size:,}"
    for note, turn in _TURNS.items():
        turned = turn(theirs)
        if turned.shape == ours.shape and _near(turned, ours) and _explains(turned, ours, theirs):
            return "transposed", note
    if (factors := channel_factors(ours, theirs)) is not None:
        changed = [float(factors[number]) for number in channels]
        low, high = f"{min(changed, default=1):.4g}", f"{max(changed, default=1):.4g}"
        return "scaled", low if low == high else f"{low} to {high}"
    if len(channels) <= max(1, len(ours) // 10):
        return "channels", ""
    return "values", ""


def channel_factors(ours: Doubles, theirs: Doubles) -> Doubles | None:
    """Return the factor of each output channel by which weights are the original's, float64 (out,); None: they are not.

    The factors have to explain almost all of the difference: weights that moved a little at random are not scaled ones.
    """
    flat, found = ours.reshape(len(ours), -1), theirs.reshape(len(theirs), -1)
    if flat.shape[1] < 2:
        return None
    length = (flat * flat).sum(axis=1)
    factors = np.where(length > 0, (flat * found).sum(axis=1) / np.where(length > 0, length, 1), 1.0)
    scaled = flat * factors[:, None]
    return factors if _near(scaled, found) and _explains(scaled, found, flat) else None


def _explains(made: Doubles, wanted: Doubles, before: Doubles) -> bool:
    """Return whether almost all of the difference from ``before`` to ``wanted`` is gone from ``made`` to ``wanted``."""
    left, all_of_it = (float(np.linalg.norm(values - wanted)) for values in (made, before))
    return left <= _UNEXPLAINED * all_of_it


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
