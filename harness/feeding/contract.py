"""The input contract: colour order, mean and scale, and what of them is fed, applied or left to the model.

A pixel has 256 values, so 256 numbers per channel are the whole normalisation, exactly. A framework may rewrite ``(x -
mean) / scale`` into ``x * a + b`` and be off in the last bit; a table cannot.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.config import Input
from harness.config.color import Color, Triple, in_order
from harness.config.models import ElementType
from harness.errors import CannotHoldError

DECODED: Color = "BGR"  # the colour order of decoded pixels
_INTEGERS: dict[ElementType, Any] = {"u8": np.uint8, "i8": np.int8, "i16": np.int16, "i32": np.int32}


def pixel_table(contract: Input) -> NDArray[np.float32]:
    """Return float32 (3, 256): what each pixel value becomes, by channel in the model's own colour order.

    Computed as the published preprocessing does, in float32: ``(value - mean) / scale``; then as ``element_type`` holds
    it. Raises ModelError if an integer type cannot hold it.
    """
    values = np.arange(256, dtype=np.float32)
    mean = np.asarray(contract.mean_per_channel, np.float32)[:, None]
    scale = np.asarray(contract.scale_per_channel, np.float32)[:, None]
    return as_element(((values - mean) / scale).astype(np.float32), contract.element_type)


def normalised(contract: Input, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 pixels (..., 3) in the model's own colour order, after its mean and scale, as it is fed.

    Raises ModelError if ``element_type`` is an integer type, which cannot hold them.
    """
    mean, scale = np.array((contract.mean_per_channel, contract.scale_per_channel), np.float32)
    return as_element((pixels - mean) / scale, contract.element_type)


def as_element(values: NDArray[np.float32], element: ElementType | None) -> NDArray[np.float32]:
    """Return values as an element type holds them, in float32. Raises ModelError if an integer type cannot."""
    if element is None or element == "f32":
        return values
    if element == "f16":
        return values.astype(np.float16).astype(np.float32)
    if element == "bf16":  # the upper half of float32, rounded half to even
        bits = np.ascontiguousarray(values).view(np.uint32)
        rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
        return np.asarray(rounded & np.uint32(0xFFFF0000)).view(np.float32)
    if not holds(_INTEGERS[element], values):
        raise CannotHoldError(
            f"`element_type: {element}` cannot hold pixels after mean and scale, {values.min():g} to {values.max():g}; "
            "leave `element_type` out, or set `mean: 0` and `scale: 1` if the model has them inside"
        )
    return values


def holds(dtype: Any, values: NDArray[np.float32]) -> bool:
    """Return whether an integer type of numpy holds every one of the values exactly."""
    low, high = limits_of(dtype)
    return bool((values == np.rint(values)).all() and values.min() >= low and values.max() <= high)


def limits_of(dtype: Any) -> tuple[float, float]:
    """Return the least and the greatest float32 that an integer type of numpy holds.

    2147483647 is not a float32; the nearest one is 2147483648, which int32 does not hold.
    """
    limits = np.iinfo(dtype)
    high = np.float32(limits.max)
    return float(limits.min), float(high if int(high) <= limits.max else np.nextafter(high, np.float32(0)))


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
