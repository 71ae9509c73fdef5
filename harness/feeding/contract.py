"""The input contract: colour order, mean and scale, and what of them is fed, applied or left to the model.

A pixel has 256 values, so 256 numbers a channel are the whole normalisation, exactly. A framework may rewrite
``(x - mean) / scale`` into ``x * a + b`` and be off in the last bit; a table cannot.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.config import Input
from harness.config.color import Color, Triple, in_order

DECODED: Color = "BGR"  # the colour order of decoded pixels


def pixel_table(contract: Input) -> NDArray[np.float32]:
    """Return float32 (3, 256): what each pixel value becomes, by channel in the model's own colour order.

    Computed as the published preprocessing does, in float32: ``(value - mean) / scale``.
    """
    values = np.arange(256, dtype=np.float32)
    mean = np.asarray(contract.mean_per_channel, np.float32)[:, None]
    scale = np.asarray(contract.scale_per_channel, np.float32)[:, None]
    return ((values - mean) / scale).astype(np.float32)


def is_identity(contract: Input) -> bool:
    """Return whether the contract asks for the plain values 0..255."""
    return set(contract.mean_per_channel) == {0.0} and set(contract.scale_per_channel) == {1.0}


def is_reversed(contract: Input) -> bool:
    """Return whether the channels of decoded pixels have to be reversed for the model."""
    return contract.color != DECODED


def left_inside(mean: Triple, scale: Triple, whole_mean: Triple, whole_scale: Triple) -> tuple[Triple, Triple]:
    """Return the mean and the scale that a model has to have inside, in one colour order.

    ``mean`` and ``scale`` are applied before the model, ``whole_mean`` and ``whole_scale`` are both parts together:
    ((x - mean) / scale - mean inside) / scale inside = (x - whole mean) / whole scale
    """
    means = [(whole - own) / divisor for own, divisor, whole in zip(mean, scale, whole_mean, strict=True)]
    scales = [whole / own for own, whole in zip(scale, whole_scale, strict=True)]
    return (means[0], means[1], means[2]), (scales[0], scales[1], scales[2])


def fed_instead(contract: Input, true: Input, wrong_mean: Triple, wrong_scale: Triple) -> Input:
    """Return the contract that makes the candidate see ``(x - wrong_mean) / wrong_scale``.

    ``contract``: the candidate's own; ``true``: the reference's, that is what the candidate and its inside amount to
    together. ``wrong_mean`` and ``wrong_scale`` are in the reference's colour order, as is ``true``.
    """

    def ordered(values: Triple) -> Triple:
        return in_order(values, true.color, contract.color)

    mean, scale = ordered(true.mean_per_channel), ordered(true.scale_per_channel)
    own_mean, own_scale = contract.mean_per_channel, contract.scale_per_channel
    bad_mean, bad_scale = ordered(wrong_mean), ordered(wrong_scale)
    means, scales = [], []
    for m, s, om, os, wm, ws in zip(mean, scale, own_mean, own_scale, bad_mean, bad_scale, strict=True):
        # The IR turns its input y = (x - om) / os into (y * os + om - m) / s. That has to be (x' - wm) / ws for the
        # pixel x', so the pixel has to enter as y' = (((x' - wm) / ws) * s + m - om) / os.
        factor = ws * os / s
        scales.append(factor)
        means.append(wm - (m - om) * ws / s)
    return contract.model_copy(update={"mean": tuple(means), "scale": tuple(scales)})
