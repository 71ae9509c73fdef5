"""Pixels to a model's input array and its output array to rows, in numpy, for frameworks that take plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.backends.base import ModelSpec, Pixels, Probabilities, size_key, wrong_width
from harness.errors import ModelError
from harness.feeding.contract import is_reversed

Layout = Literal["NHWC", "NCHW"]


@dataclass(frozen=True)
class InputShape:
    """What an input's shape says: ``layout``, and ``batch``, None where it is free."""

    layout: Layout
    batch: int | None


def input_shape(spec: ModelSpec, sides: Sequence[int | None]) -> InputShape:
    """Return what the shape of the input says; None stands for a free side.

    Raises ModelError where it does not hold (n, height, width, 3) or (n, 3, height, width).
    """
    height, width = spec.sides
    nchw = len(sides) == 4 and sides[1] == 3 and sides[3] != 3
    expected = (3, height, width) if nchw else (height, width, 3)
    if len(sides) != 4 or any(have not in (None, side) for have, side in zip(sides[1:], expected, strict=True)):
        shape = ", ".join("?" if side is None else str(side) for side in sides)
        raise ModelError(
            f"{spec.model}: the input '{spec.input.name}' has the shape [{shape}], [?, {height}, {width}, 3] "
            f"or [?, 3, {height}, {width}] is configured ({size_key(height, width)})"
        )
    return InputShape("NCHW" if nchw else "NHWC", sides[0])


def fed(spec: ModelSpec, table: NDArray[Any], pixels: Pixels, layout: Layout) -> NDArray[Any]:
    """Return what a model is fed for pixels, uint8 (n, h, w, 3) BGR.

    ``table``: (3, 256), by channel in the model's own colour order; the result has its type and the model's layout.
    OpenCV looks the values up, exactly and in a third of the time of numpy's indexing.
    """
    import cv2

    flat = np.ascontiguousarray(pixels).reshape(-1, pixels.shape[2], 3)
    ordered = cv2.cvtColor(flat, cv2.COLOR_BGR2RGB) if is_reversed(spec.input) else flat
    by_value = np.ascontiguousarray(table.T).reshape(256, 1, 3)
    looked_up: NDArray[Any] = np.asarray(cv2.LUT(ordered, by_value)).reshape(pixels.shape)
    return np.ascontiguousarray(looked_up.transpose(0, 3, 1, 2)) if layout == "NCHW" else looked_up


def rows_of(spec: ModelSpec, answer: NDArray[Any], count: int) -> Probabilities:
    """Return an output of shape (n, C), (C,) for one image, or (n, C, 1, 1) as float32 (n, C).

    ``count``: n, the images that were fed. Raises ModelError for another shape.
    """
    sides = answer.shape
    if sides and sides[0] != count and answer.size == spec.outputs and count == 1:
        return np.asarray(answer, np.float32).reshape(1, -1)
    if not sides or sides[0] != count:
        raise ModelError(
            f"{spec.model}: the output '{spec.output}' has the shape {list(sides)} for {count} images; "
            "its first side has to count the images"
        )
    rows = np.asarray(answer, np.float32).reshape(count, -1)
    if rows.shape[1] != spec.outputs:
        raise ModelError(wrong_width(spec.model, spec.output, rows.shape[1], spec.outputs))
    return rows
