"""The steps of a preprocessing on one image, each as the library that is named defines it.

Pixels stay uint8 until a ``normalize`` makes float32 of them. OpenCV's filters look at the neighbours of a sampling
point only; Pillow's widen as the image shrinks. Sizes are rounded down (``int``); a central crop begins at ``d // 2``
for OpenCV and ``round(d / 2)`` for Pillow, to the even one of two, as Accuracy Checker and torchvision have it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.config.preprocess import Crop, Normalize, Resize
from harness.dataset.image import BadImageError, opencv

Pixels = NDArray[Any]
_MOST_PIXELS = 2**27  # after a resize; a strip of one row would become gigabytes with `short_side`


def resized(pixels: Pixels, step: Resize) -> Pixels:
    """Return the pixels (H, W, 3), uint8 or float32, in their new size and of the same type.

    Raises BadImageError where the aspect ratio leaves no pixel, or more than a memory can hold.
    """
    height, width = new_size(pixels.shape[0], pixels.shape[1], step)
    if height < 1 or width < 1 or height * width > _MOST_PIXELS:
        raise BadImageError(
            f"{pixels.shape[1]}x{pixels.shape[0]} pixels: cannot be resized to {width}x{height} with its aspect ratio"
        )
    if step.library == "opencv":
        return np.asarray(opencv().resize(pixels, (width, height), interpolation=_opencv_filters()[step.interpolation]))
    from PIL import Image

    kind = _pillow_filters()[step.interpolation]
    if pixels.dtype == np.uint8:
        return np.array(Image.fromarray(pixels).resize((width, height), kind))
    channels = [Image.fromarray(np.ascontiguousarray(pixels[..., channel])) for channel in range(3)]
    return np.stack([np.array(channel.resize((width, height), kind)) for channel in channels], axis=-1)


def new_size(height: int, width: int, step: Resize) -> tuple[int, int]:
    """Return height and width after a resize; with an aspect ratio kept, the other side is rounded down."""
    if step.size is not None:
        return step.size
    if step.short_side is not None:
        side, fixed_width = step.short_side, height > width
    else:
        assert step.long_side is not None
        side, fixed_width = step.long_side, height <= width
    return (int(side * height / width), side) if fixed_width else (side, int(side * width / height))


def cropped(pixels: Pixels, step: Crop) -> Pixels:
    """Return the middle of the pixels, a view. Raises BadImageError where they are smaller, or nothing is left."""
    height, width = pixels.shape[:2]
    if step.size is not None:
        new_height, new_width = step.size
    else:
        assert step.fraction is not None
        new_height, new_width = int(height * step.fraction), int(width * step.fraction)
    if new_height < 1 or new_width < 1:
        raise BadImageError(f"{width}x{height} pixels: nothing is left after the central crop")
    if new_height > height or new_width > width:
        raise BadImageError(f"{width}x{height} pixels: smaller than the crop of {new_width}x{new_height}")
    if step.library == "pillow":
        top, left = round((height - new_height) / 2), round((width - new_width) / 2)
    else:
        top, left = (height - new_height) // 2, (width - new_width) // 2
    return pixels[top : top + new_height, left : left + new_width]


def normalized(pixels: Pixels, step: Normalize) -> Pixels:
    """Return ``(pixels - mean) / scale`` as float32; pixels are BGR, three numbers of the step red, green, blue."""
    mean, scale = (
        np.asarray(value[::-1] if isinstance(value, tuple) else value, np.float32) for value in (step.mean, step.scale)
    )
    return np.asarray((pixels.astype(np.float32) - mean) / scale)


@lru_cache(maxsize=1)
def _opencv_filters() -> dict[str, int]:
    cv2 = opencv()
    return {
        "nearest": cv2.INTER_NEAREST,
        "bilinear": cv2.INTER_LINEAR,
        "bicubic": cv2.INTER_CUBIC,
        "area": cv2.INTER_AREA,
        "lanczos": cv2.INTER_LANCZOS4,
    }


@lru_cache(maxsize=1)
def _pillow_filters() -> dict[str, Any]:
    from PIL.Image import Resampling

    return {
        "nearest": Resampling.NEAREST,
        "bilinear": Resampling.BILINEAR,
        "bicubic": Resampling.BICUBIC,
        "area": Resampling.BOX,
        "lanczos": Resampling.LANCZOS,
    }
