"""Pixels to a model's input array and its output array to rows, in numpy, for frameworks that take plain arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.backends.base import ModelSpec, Pixels, Probabilities, size_key, wrong_width
from harness.backends.layouts import Layout, layout_of
from harness.errors import CannotHoldError, ModelError
from harness.feeding.contract import holds, is_reversed, normalised
from harness.feeding.outputs import as_rows

_OF_OPENCV = ("uint8", "int8", "uint16", "int16", "int32", "float16", "float32", "float64")
_LAYOUTS: tuple[Layout, ...] = ("NHWC", "NCHW")


@dataclass(frozen=True)
class InputShape:
    """What an input's shape says: ``layout``, and ``batch``, None if it is free."""

    layout: Layout
    batch: int | None


def input_shape(spec: ModelSpec, sides: Sequence[int | None]) -> InputShape:
    """Return what the shape of the input says; None stands for a free side. No sides: the rank is free, too.

    The layout is the configured one where the shape allows it, else NCHW where only that fits. Raises ModelError if it
    does not hold (n, height, width, 3) or (n, 3, height, width), or another layout is configured.
    """
    height, width = spec.sides
    wanted = spec.input.layout
    if not sides:
        return InputShape(wanted or "NHWC", None)
    fits = {
        layout for layout in _LAYOUTS if _fits(sides, (3, height, width) if layout == "NCHW" else (height, width, 3))
    }
    if wanted and fits and wanted not in fits:
        raise ModelError(
            f"{spec.model}: the input is {fits.pop()}, but `layout: {wanted}` is configured; correct `layout`"
        )
    nchw = (wanted or layout_of(sides)) == "NCHW"
    expected = (3, height, width) if nchw else (height, width, 3)
    if len(sides) != 4 or any(have not in (None, side) for have, side in zip(sides[1:], expected, strict=True)):
        shape = ", ".join("?" if side is None else str(side) for side in sides)
        raise ModelError(
            f"{spec.model}: the input '{spec.input.tensor}' has the shape [{shape}], but [?, {height}, {width}, 3] "
            f"or [?, 3, {height}, {width}] is configured ({size_key(height, width)})"
        )
    return InputShape("NCHW" if nchw else "NHWC", sides[0])


def _fits(sides: Sequence[int | None], expected: tuple[int, int, int]) -> bool:
    return len(sides) == 4 and all(have in (None, side) for have, side in zip(sides[1:], expected, strict=True))


def table_of(spec: ModelSpec, table: NDArray[np.float32], dtype: Any, shown: str) -> NDArray[Any]:
    """Return a pixel table in the element type of a model's input, as numpy has it.

    ``shown``: the type in the framework's words. Raises ModelError for an integer type that cannot hold the values, or
    any where pixels are floating.
    """
    if np.dtype(dtype).kind not in "uif":
        raise not_pixels(spec.model, spec.input.tensor, shown)
    if np.issubdtype(dtype, np.integer) and (spec.floating or not holds(dtype, table)):
        raise CannotHoldError(
            f"{spec.model}: the input '{spec.input.tensor}' takes {shown}, which cannot hold pixels after mean and "
            "scale; if the model has mean and scale inside, leave them out of `input`"
        )
    return table.astype(dtype)


def not_pixels(model: object, name: str, kind: str) -> ModelError:
    """Return the error for an input of truth values or texts. ``kind``: its type in the framework's words."""
    return ModelError(
        f"{model}: the input '{name}' takes {kind}, not numbers; export the model with an input for pixels"
    )


def fed(
    spec: ModelSpec,
    table: NDArray[Any],
    pixels: Pixels,
    layout: Layout,
    stored: Callable[[NDArray[np.float32]], NDArray[Any]] | None = None,
) -> NDArray[Any]:
    """Return the model's input for pixels (n, h, w, 3) BGR: uint8, or float32 where the specification is floating.

    ``table``: (3, 256), by channel in the model's own colour order; the result has its type and the model's layout.
    ``stored``: what a quantised input stores for real values, for floating pixels; the table has it already.
    OpenCV looks the values up, exactly and in a third of the time of numpy's indexing.
    """
    if pixels.dtype != np.uint8:
        values = normalised(spec.input, pixels[..., ::-1] if is_reversed(spec.input) else pixels)
        given = stored(values) if stored else values.astype(table.dtype)
        return np.ascontiguousarray(given.transpose(0, 3, 1, 2) if layout == "NCHW" else given)
    import cv2

    flat = np.ascontiguousarray(pixels).reshape(-1, pixels.shape[2], 3)
    ordered = cv2.cvtColor(flat, cv2.COLOR_BGR2RGB) if is_reversed(spec.input) else flat
    by_value = np.ascontiguousarray(table.T)
    looked_up: NDArray[Any]
    if table.dtype.name in _OF_OPENCV:
        looked_up = np.asarray(cv2.LUT(ordered, by_value.reshape(256, 1, 3))).reshape(pixels.shape)
    else:  # OpenCV would make int32 of it
        looked_up = by_value[ordered, np.arange(3)].reshape(pixels.shape)
    return np.ascontiguousarray(looked_up.transpose(0, 3, 1, 2)) if layout == "NCHW" else looked_up


def rows_of(spec: ModelSpec, answer: NDArray[Any], count: int) -> Probabilities:
    """Return an output as float32 (n, C): `[n,C]`, `[C]` for one image, `[n,C,1,1]`, `[n,1,C]`, or the images last.

    ``count``: n, the images that were fed. Raises ModelError for another shape.
    """
    sides = answer.shape
    if answer.size != count * spec.outputs and answer.size and answer.size % count == 0 and count in (*sides, 1):
        raise wrong_width(spec.model, spec.output, answer.size // count, spec.outputs)
    try:
        rows = as_rows(answer, count, (spec.outputs,), spec.output_layout)
    except ModelError as error:
        named = f"the output '{spec.output}'" if spec.output else "the output"
        raise ModelError(f"{spec.model}: {str(error).replace('the output', named, 1)}") from None
    return np.asarray(rows, np.float32)


def require_width(spec: ModelSpec, sides: Sequence[int | None], batch: int | None) -> None:
    """Raise ModelError if the shape of an output says already that it cannot hold the labels.

    None stands for a free side; ``batch``: the fixed number of images, None if it is free.
    """
    known = [side for side in sides if side is not None]
    free = len(sides) - len(known)
    if not sides or free > 1 or (free == 1 and len(known) == 0):
        return  # it says too little
    values = math.prod(known)
    images = 1 if free else batch or 1
    if values == spec.outputs or (values % images == 0 and values // images == spec.outputs):
        return
    if free == 0 and batch is None:  # the shape of an example batch, or one that the framework does not know
        return
    raise wrong_width(spec.model, spec.output, values // images, spec.outputs)
