"""What a classifier puts out, as probabilities (n, classes): shapes, activations, and classes in common.

Logits become probabilities once, here, the same way for every model: softmax or sigmoid in float64, rounded to float32.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.config.models import Activation, OutputLayout
from harness.errors import ModelError

Applied = Literal["none", "softmax", "sigmoid"]
Layout = OutputLayout

VALUE_TOLERANCE = 1e-3  # how far a probability may be outside [0, 1]
SUM_TOLERANCE = 0.02  # how far a sum of probabilities may be off 1: bf16 has 8 bits, so its values are 0.4 % off


def as_rows(
    output: NDArray[np.generic], images: int, widths: tuple[int, ...], layout: Layout | None = None
) -> NDArray[np.generic]:
    """Return an output as (images, classes), in its own element type.

    ``widths``: the numbers of classes that are possible, such as 1000 and 1001. ``layout``: which axis has the images
    once axes of length 1 are dropped; None recognises it by the widths, images first where both fit. Accepted are
    `[N,C]`, `[C]`, `[N,C,1,1]`, `[N,1,C]`, `[1,1,1,C]`, `[N,1,1,C]`, and the images last, `[C,N]`. Raises ModelError.
    """
    axes = _longer_than_one(output.shape)
    for width in widths:
        if layout != "CN" and axes == _longer_than_one((images, width)):
            return output.reshape(images, width)
    for width in widths:
        if layout != "NC" and axes == _longer_than_one((width, images)):
            return output.reshape(width, images).T
    shape = ",".join(map(str, output.shape))
    expected = " or ".join(f"[{images},{width}]" for width in widths)
    raise ModelError(
        f"the output has the shape [{shape}] for {images} image{'' if images == 1 else 's'}; {expected} is "
        "expected, where axes of length 1 may be added and the images may be the last axis"
    )


def _longer_than_one(shape: tuple[int, ...]) -> list[int]:
    return [length for length in shape if length != 1]


def recognise(outputs: NDArray[np.floating], step: float = 0.0) -> Applied:
    """Return what is still to be applied to outputs (n, classes): `none` to probabilities, `softmax` to logits.

    Logits are what has a value outside [0, 1] by more than VALUE_TOLERANCE, or a row whose sum is off 1 by more than
    SUM_TOLERANCE. ``step``: the distance of two values of a quantised output; each value may be off by half of it, so
    a sum may be off by ``classes * step / 2`` more. Rows that are not finite decide nothing; where no row is finite,
    nothing is applied.
    """
    rows = np.asarray(outputs, np.float64)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if not rows.size:
        return "none"
    in_range = rows.min() >= -VALUE_TOLERANCE and rows.max() <= 1 + VALUE_TOLERANCE
    off = np.abs(rows.sum(axis=1) - 1).max()
    return "none" if in_range and off <= SUM_TOLERANCE + rows.shape[1] * step / 2 else "softmax"


def step_of(outputs: NDArray[np.floating]) -> float:
    """Return the distance of two values of an 8-bit quantised output (n, classes), 0 where it has more than 256 values.

    Real probabilities of many classes never share so few values.
    """
    values = np.unique(outputs[np.isfinite(outputs)].astype(np.float64))
    return float(np.diff(values).min()) if 2 <= len(values) <= 256 and outputs.size > 256 else 0.0


def probabilities(outputs: NDArray[np.floating], applied: Applied) -> NDArray[np.float32]:
    """Return float32 (n, classes): the outputs after an activation, computed in float64.

    A row with a value that is not finite stays not finite.
    """
    if applied == "none":
        return np.asarray(outputs, np.float32)
    values = np.asarray(outputs, np.float64)
    if applied == "sigmoid":
        small = np.exp(-np.abs(values))  # never overflows
        return np.where(values >= 0, 1 / (1 + small), small / (1 + small)).astype(np.float32)
    with np.errstate(invalid="ignore"):  # inf - inf is nan, which is what it has to be
        powers = np.exp(values - values.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares.astype(np.float32)


def to_apply(activation: Activation, outputs: NDArray[np.floating], step: float = 0.0) -> Applied:
    """Return what a configured activation means for a model that gives such outputs (n, classes).

    Decide once per model, on its first outputs, and keep the answer: images must not be treated differently.
    """
    return recognise(outputs, step) if activation == "auto" else activation


def common_classes(values: NDArray[np.float32], background: bool) -> NDArray[np.float32]:
    """Return float32 (n, classes without background) for a model that has background as class 0; else the values.

    The rest is divided by its sum, so that it is what a softmax over the common classes gives. Where background has
    the whole probability, the rest stays 0.
    """
    if not background:
        return values
    rest = values[:, 1:].astype(np.float64)
    sums = rest.sum(axis=1, keepdims=True)
    return (rest / np.where(sums > 0, sums, 1.0)).astype(np.float32)
