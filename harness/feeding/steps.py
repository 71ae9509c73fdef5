"""Resizes and crops of one image, each as its library or protocol defines it.

An image is an array (height, width, 3) in any colour order, uint8 or float64: every step works on each channel alone.
Filters on uint8 round to uint8, as the libraries do; on floating values nothing is rounded.

* OpenCV: ``cv2.resize`` with ``INTER_NEAREST``, ``INTER_LINEAR``, ``INTER_CUBIC``, ``INTER_AREA`` and
  ``INTER_LANCZOS4``. No filter but ``area`` widens when the image shrinks.
* Pillow: ``Image.resize`` with ``NEAREST``, ``BILINEAR``, ``BICUBIC``, ``BOX`` (`area`) and ``LANCZOS``. All but
  ``nearest`` widen when the image shrinks (antialiasing). Floating values are resized a channel at a time in its mode
  ``F`` (float32).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.config.preprocess import crop_length
from harness.config.steps import CropStep, Filter, Library, NormalizeStep, ResizeStep, Step
from harness.dataset.image import BadImageError, opencv

Pixels = NDArray[np.uint8 | np.float64]

_LONGEST = 65_500  # pixels; of a side that follows from the other one: what image files allow


@lru_cache(maxsize=1)
def _opencv_filters() -> dict[Filter, int]:
    cv2 = opencv()
    return {
        "nearest": cv2.INTER_NEAREST,
        "bilinear": cv2.INTER_LINEAR,
        "bicubic": cv2.INTER_CUBIC,
        "area": cv2.INTER_AREA,
        "lanczos": cv2.INTER_LANCZOS4,
    }


@lru_cache(maxsize=1)
def _pillow_filters() -> dict[Filter, Any]:
    from PIL.Image import Resampling

    return {
        "nearest": Resampling.NEAREST,
        "bilinear": Resampling.BILINEAR,
        "bicubic": Resampling.BICUBIC,
        "area": Resampling.BOX,
        "lanczos": Resampling.LANCZOS,
    }


def resized_size(step: ResizeStep, height: int, width: int) -> tuple[int, int]:
    """Return the height and width that a resize gives an image of this height and width, in pixels.

    Raises BadImageError if the other side would have no pixel, or more than an image can have.
    """
    if step.to == "size":
        return step.height, step.width
    length = step.height
    height_is_given = (height <= width) == (step.to == "short_side")
    given, other = (height, width) if height_is_given else (width, height)
    if step.rounding == "tf_slim":
        # TF-Slim has the ratio and the product in float32, and rint rounds halves to the even number.
        following = int(np.rint(np.float32(other) * (np.float32(length) / np.float32(given))))
    else:
        following = length * other // given
    if not 1 <= following <= _LONGEST:
        raise BadImageError(f"{width}x{height} pixels: the resize would make the other side {following} pixels long")
    return (length, following) if height_is_given else (following, length)


def resize(image: Pixels, height: int, width: int, interpolation: Filter, library: Library) -> Pixels:
    """Return the image resized to (height, width, 3) by the library's filter, in its own element type."""
    if library == "opencv":
        found: Pixels = opencv().resize(image, (width, height), interpolation=_opencv_filters()[interpolation])
        return found
    from PIL import Image

    chosen = _pillow_filters()[interpolation]
    if image.dtype == np.uint8:
        return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize((width, height), chosen))
    channels = np.moveaxis(image, 2, 0).astype(np.float32)
    planes = [np.asarray(Image.fromarray(plane).resize((width, height), chosen)) for plane in channels]
    return np.stack(planes, axis=2).astype(np.float64)


def resize_corners(image: Pixels, height: int, width: int) -> Pixels:
    """Return the image resized bilinearly with samples at ``index * old / new``, in its own element type.

    That is TensorFlow 1's ``resize_bilinear`` with ``align_corners=False``: a pixel's place is its corner.
    """
    rows, columns = (_corner_weights(*sides) for sides in zip(image.shape[:2], (height, width), strict=True))
    values = image.astype(np.float64)
    low, high, part = rows
    values = values[low] + (values[high] - values[low]) * part[:, None, None]
    low, high, part = columns
    values = values[:, low] + (values[:, high] - values[:, low]) * part[None, :, None]
    return np.rint(values).astype(np.uint8) if image.dtype == np.uint8 else values


def _corner_weights(old: int, new: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return for each new index the old ones below and above, and the weight of the one above; in float32 as there."""
    place = np.arange(new, dtype=np.float32) * (np.float32(old) / np.float32(new))
    low = np.floor(place).astype(np.intp)
    return low, np.minimum(low + 1, old - 1), (place - low.astype(np.float32)).astype(np.float64)


def crop_box(step: CropStep, height: int, width: int) -> tuple[int, int, int, int]:
    """Return top, left, height and width of a crop of an image of this height and width, in pixels.

    Top and left are negative where the crop is larger and has a border. Raises BadImageError if nothing is left, or the
    image is smaller than a crop that refuses that.
    """
    lengths = step.size or (crop_length(height, step), crop_length(width, step))
    if min(lengths) < 1:
        raise BadImageError(f"{width}x{height} pixels: nothing is left after the central crop")
    if step.rounding in ("floor", "tf_slim") and (lengths[0] > height or lengths[1] > width):
        raise BadImageError(
            f"{width}x{height} pixels: smaller than the crop of {lengths[1]}x{lengths[0]}; put a `resize` before "
            "the crop"
        )
    top, left = (_offset(side - length, step) for side, length in zip((height, width), lengths, strict=True))
    return top, left, *lengths


def _offset(left_over: int, step: CropStep) -> int:
    if step.rounding == "center_crop" and left_over < 0:
        return -(-left_over // 2)
    return round(left_over / 2) if step.rounding in ("half_even", "center_crop") else left_over // 2


def crop(step: CropStep, image: Pixels) -> Pixels:
    """Return the middle of an image; what is done where it is smaller, its rounding says. Raises BadImageError."""
    if step.size and step.rounding == "floor" and (image.shape[0] < step.size[0] or image.shape[1] < step.size[1]):
        image = _covering(image, *step.size)
    top, left, height, width = crop_box(step, *image.shape[:2])
    if height <= image.shape[0] and width <= image.shape[1]:
        return image[top : top + height, left : left + width]
    framed = np.zeros((height, width, 3), image.dtype)
    inside = image[max(top, 0) : top + height, max(left, 0) : left + width]
    framed[max(-top, 0) :, max(-left, 0) :][: inside.shape[0], : inside.shape[1]] = inside
    return framed


def _covering(image: Pixels, height: int, width: int) -> Pixels:
    """Return the image enlarged by OpenCV, bilinearly and in its ratio, until both sides are long enough.

    Source: Accuracy Checker's ``crop``: the width first, then the height, both rounded up. Raises BadImageError if a
    side would be longer than image files allow.
    """
    sides = np.array([image.shape[1], image.shape[0]], np.float64)
    for axis, length in enumerate((width, height)):
        if sides[axis] < length:
            sides = sides * length / sides[axis]
    across, down = (int(side) for side in np.ceil(sides))
    if max(across, down) > _LONGEST:
        raise BadImageError(
            f"{image.shape[1]}x{image.shape[0]} pixels: the crop of {width}x{height} would need {across}x{down} pixels"
        )
    return resize(image, down, across, "bilinear", "opencv")


def apply_step(step: Step, image: Pixels, *, is_rgb: bool) -> Pixels:
    """Return the image after one step: uint8 stays uint8 until a normalisation makes it float64.

    ``is_rgb``: whether the channels are red, green, blue; otherwise they are blue, green, red. Raises BadImageError.
    """
    if isinstance(step, NormalizeStep):
        order = slice(None) if is_rgb else slice(None, None, -1)
        mean, scale = (np.asarray(values, np.float64)[order] for values in (step.mean, step.scale))
        normalized: NDArray[np.float64] = (image.astype(np.float64) - mean) / scale
        return normalized
    height, width = image.shape[:2]
    if isinstance(step, CropStep):
        return crop(step, image)
    height, width = resized_size(step, height, width)
    if step.sampling == "corners":
        return resize_corners(image, height, width)
    return resize(image, height, width, step.filter, step.library)
