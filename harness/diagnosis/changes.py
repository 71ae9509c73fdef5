"""The one list of changes: what can be different between how a model is fed or read and how it has to be.

The self-test makes each of them on purpose; the diagnosis undoes each of them and looks whether that explains what is
seen. A change of the normalisation says what the network sees instead of the reference's ``(x - mean) / scale``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.config.color import Triple
from harness.feeding.families import NORMALISATIONS

Array = NDArray[Any]
Pair = tuple[Triple, Triple]  # mean and scale, one number per channel
Normalisation = Callable[[Triple, Triple], Pair]

# The per-channel means that were computed on ImageNet, once with Caffe and once again; RGB, 0..255.
_IMAGENET, _DEVIATION = NORMALISATIONS["ImageNet's mean and deviation"]
_CAFFE, _ = NORMALISATIONS["Caffe's mean"]


@dataclass(frozen=True)
class Change:
    """One change.

    ``cause``: its documented identifier; ``words``: what the network sees so, after "sees"; ``normalisation``: from the
    reference's mean and scale, in the order red, green, blue, to those that the network sees; ``pixels``: what becomes
    of an array (n, height, width, 3), and ``undo`` takes back; ``cast``: what becomes of the values after mean and
    scale, which nothing takes back; ``cell``: of what comes out of it, two arrays of values
    that surely become the same again.
    """

    cause: str
    words: str
    normalisation: Normalisation | None = None
    pixels: Callable[[Array], Array] | None = None
    undo: Callable[[Array], Array] | None = None
    cast: Callable[[Array], Array] | None = None
    cell: Callable[[Array], tuple[Array, Array]] | None = None


def swapped(pixels: Array) -> Array:
    """Reverse the channels."""
    return np.ascontiguousarray(pixels[..., ::-1])


def planar(pixels: Array) -> Array:
    """Lay the three planes one after the other in the same bytes: NCHW read as NHWC."""
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).reshape(pixels.shape)


def interleaved(pixels: Array) -> Array:
    """Read the same bytes as three planes: NHWC read as NCHW. Takes back what ``planar`` does."""
    count, height, width, channels = pixels.shape
    planes = np.ascontiguousarray(pixels).reshape(count, channels, height, width)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def transposed(pixels: Array) -> Array:
    """Exchange rows and columns; the pixels have to be square."""
    return np.ascontiguousarray(pixels.transpose(0, 2, 1, 3))


def transposed_classes(probabilities: Array) -> Array:
    """Read the classes as a table and write it column by column; a prime number of classes is reversed instead."""
    return np.ascontiguousarray(probabilities[:, transposed_order(probabilities.shape[1])])


def transposed_order(classes: int) -> NDArray[np.int64]:
    """Return which class is at each place after ``transposed_classes``."""
    rows = next((number for number in range(int(classes**0.5), 1, -1) if classes % number == 0), 1)
    numbers = np.arange(classes)
    return numbers[::-1] if rows == 1 else numbers.reshape(rows, -1).T.reshape(-1)


def twice(mean: Triple, scale: Triple) -> Pair:
    """((x - m) / s - m) / s = (x - (m + m s)) / s^2."""
    return _each(mean, scale, lambda m, s: (m + m * s, s * s))


def _each(mean: Triple, scale: Triple, of_one: Callable[[float, float], tuple[float, float]]) -> Pair:
    first, second, third = (of_one(m, s) for m, s in zip(mean, scale, strict=True))
    return (first[0], second[0], third[0]), (first[1], second[1], third[1])


def _by_channel(of_one: Callable[[float, float], tuple[float, float]]) -> Normalisation:
    return lambda mean, scale: _each(mean, scale, of_one)


def _always(mean: Triple, scale: Triple) -> Normalisation:
    return lambda _mean, _scale: (mean, scale)


def _same(mean: float, scale: float) -> Normalisation:
    return _always((mean,) * 3, (scale,) * 3)


def _reversed(values: Triple) -> Triple:
    return values[2], values[1], values[0]


def upside_down(pixels: Array) -> Array:
    """Put the last row first."""
    return np.ascontiguousarray(pixels[:, ::-1])


def mirrored(pixels: Array) -> Array:
    """Put the last column first."""
    return np.ascontiguousarray(pixels[:, :, ::-1])


def turned_over(pixels: Array) -> Array:
    """Turn by two quarters."""
    return np.ascontiguousarray(pixels[:, ::-1, ::-1])


def turned_left(pixels: Array) -> Array:
    """Turn by a quarter, against the clock; the pixels have to be square."""
    return np.ascontiguousarray(np.rot90(pixels, 1, (1, 2)))


def turned_right(pixels: Array) -> Array:
    """Turn by a quarter, with the clock; the pixels have to be square."""
    return np.ascontiguousarray(np.rot90(pixels, -1, (1, 2)))


def reordered(order: tuple[int, int, int]) -> Callable[[Array], Array]:
    """Return what puts the channels into another order."""
    return lambda pixels: np.ascontiguousarray(pixels[..., list(order)])


def _reordering(words: str, order: tuple[int, int, int]) -> Change:
    first, second, third = (order.index(channel) for channel in range(3))
    return Change("color-order", words, pixels=reordered(order), undo=reordered((first, second, third)))


COLOR_ORDER = Change("color-order", "red and blue swapped", pixels=swapped, undo=swapped)

# Red and blue swapped is the mistake that people make; the other orders come of an axis that was turned.
CHANNEL_CHANGES: tuple[Change, ...] = (
    _reordering("the channels moved by one place", (1, 2, 0)),
    _reordering("the channels moved by two places", (2, 0, 1)),
    _reordering("the first two channels swapped", (1, 0, 2)),
    _reordering("the last two channels swapped", (0, 2, 1)),
)

NORMALISATION_CHANGES: tuple[Change, ...] = (
    Change("mean-and-scale-missing", "pixels without mean and scale", _same(0.0, 1.0)),
    Change("mean-missing", "pixels without the mean", _by_channel(lambda _m, s: (0.0, s))),
    Change("scale-missing", "pixels without the scale", _by_channel(lambda m, _s: (m, 1.0))),
    Change("mean-and-scale-doubled", "pixels with mean and scale applied twice", twice),
    Change("mean-doubled", "pixels with the mean subtracted twice", _by_channel(lambda m, s: (2 * m, s))),
    Change("scale-doubled", "pixels with the scale applied twice", _by_channel(lambda m, s: (m, s * s))),
    Change("scaled-to-0-1", "pixels scaled to [0, 1]", _same(0.0, 255.0)),
    Change("scaled-to-minus-1-1", "pixels scaled to [-1, 1]", _same(127.5, 127.5)),
    Change("mean-and-scale-128", "pixels with mean 128 and scale 128", _same(128.0, 128.0)),
    Change(
        "means-reversed",
        "pixels with the means of the channels in the reversed order",
        lambda m, s: (_reversed(m), _reversed(s)),
    ),
    Change("other-family", "pixels with the means of ImageNet", lambda _m, s: (_IMAGENET, s)),
    Change("other-family", "pixels with the mean and deviation of ImageNet", _always(_IMAGENET, _DEVIATION)),
    Change("other-family", "pixels with Caffe's means and no scale", _always(_CAFFE, (1.0,) * 3)),
    Change("other-family", "pixels with Caffe's means", lambda _m, s: (_CAFFE, s)),
    Change(
        "other-family",
        "pixels with the means of ImageNet in the reversed order",
        lambda _m, s: (_reversed(_IMAGENET), s),
    ),
    Change(
        "other-family",
        "pixels with the mean and deviation of ImageNet in the reversed order",
        _always(_reversed(_IMAGENET), _reversed(_DEVIATION)),
    ),
    Change(
        "other-family",
        "pixels with Caffe's means in the reversed order and no scale",
        _always(_reversed(_CAFFE), (1.0,) * 3),
    ),
    Change(
        "scaled-before", "pixels scaled to [0, 1] before mean and scale", _by_channel(lambda m, s: (255 * m, 255 * s))
    ),
    Change(
        "mean-and-scale-of-0-1",
        "pixels 0 to 255 with mean and scale meant for [0, 1]",
        _by_channel(lambda m, s: (m / 255, s / 255)),
    ),
    Change("inverted", "inverted pixels, 255 - x", _by_channel(lambda m, s: (255 - m, -s))),
)

LAYOUT_CHANGES: tuple[Change, ...] = (
    Change("layout", "NCHW pixels read as NHWC", pixels=planar, undo=interleaved),
    Change("layout", "NHWC pixels read as NCHW", pixels=interleaved, undo=planar),
    Change("layout", "rows and columns exchanged", pixels=transposed, undo=transposed),
    Change("flipped", "pixels upside down", pixels=upside_down, undo=upside_down),
    Change("flipped", "pixels mirrored, left and right exchanged", pixels=mirrored, undo=mirrored),
    Change("flipped", "pixels turned by 180 degrees", pixels=turned_over, undo=turned_over),
    Change("flipped", "pixels turned left by 90 degrees", pixels=turned_left, undo=turned_right),
    Change("flipped", "pixels turned right by 90 degrees", pixels=turned_right, undo=turned_left),
)
OF_SQUARES = ("rows and columns exchanged", "pixels turned left by 90 degrees", "pixels turned right by 90 degrees")


def truncated(values: Array) -> Array:
    """Cut off what comes behind the point."""
    return np.trunc(values)


def as_uint8(values: Array) -> Array:
    """Cast to uint8 as C does: cut off, and counted modulo 256."""
    return np.trunc(values).astype(np.int64).astype(np.uint8).astype(np.float32)


def as_int8(values: Array) -> Array:
    """Cast to int8 as C does: cut off, and counted modulo 256, from -128."""
    return np.trunc(values).astype(np.int64).astype(np.int8).astype(np.float32)


def _cut_to(whole: Array) -> tuple[Array, Array]:
    """Return values that are cut off to these: a whole number itself may come out of a division a little smaller."""
    sign = np.sign(whole)
    return np.where(sign == 0, -0.25, whole + 0.25 * sign), np.where(sign == 0, 0.25, whole + 0.75 * sign)


def _rounded_to(whole: Array) -> tuple[Array, Array]:
    return whole - 0.25, whole + 0.25


def _cast(words: str, cast: Callable[[Array], Array], cell: Callable[[Array], tuple[Array, Array]] = _cut_to) -> Change:
    return Change("input-cast", f"values {words} after mean and scale", cast=cast, cell=cell)


def _limited(low: int, high: int) -> Callable[[Array], Array]:
    return lambda values: np.clip(np.rint(values), low, high)


CAST_CHANGES: tuple[Change, ...] = (
    _cast("truncated to whole numbers", truncated),
    _cast("rounded to whole numbers", np.rint, _rounded_to),
    _cast("cast to uint8", as_uint8),
    _cast("rounded and limited to 0 to 255", _limited(0, 255), _rounded_to),
    _cast("cast to int8", as_int8),
    _cast("rounded and limited to -128 to 127", _limited(-128, 127), _rounded_to),
)
