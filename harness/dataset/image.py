"""From encoded bytes to the network's pixels: decode, central crop, resize; all on uint8, as published.

OpenCV decodes to 8-bit BGR: greyscale becomes three equal channels, CMYK is converted, and the EXIF orientation is
ignored unless `exif: apply` is set, because the published numbers were measured that way (docs/datasets.md).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.config import Preprocess
from harness.dataset.header import HeaderError, read_header
from harness.errors import HarnessError

Image = NDArray[np.uint8]


class BadImageError(HarnessError):
    """An image cannot be evaluated; the text is the reason, for the list of bad images."""


@lru_cache(maxsize=1)
def opencv() -> Any:
    """Return the module cv2, silent and with one thread a call."""
    import cv2

    silent = cv2.utils.logging.LOG_LEVEL_SILENT
    cv2.utils.logging.setLogLevel(silent)  # what is wrong with an image is said once, with its name
    cv2.setNumThreads(1)  # the engine decodes many images at once; threads inside one image only get in the way
    return cv2


def decoder_version() -> str:
    """Return the decoder's name and version, as it stands in the record."""
    return f"opencv {opencv().__version__}"


def decode(data: bytes, *, exif: bool = False) -> Image:
    """Decode an image to uint8 (height, width, 3), BGR. ``exif``: turn it as its EXIF orientation says.

    Raises BadImageError with the reason: empty, no image, cut off (a decoder that fills the rest with grey gives no
    answer), or of absurd dimensions, which is known before anything is decoded.
    """
    try:
        read_header(data)
    except HeaderError as error:
        raise BadImageError(str(error)) from None
    cv2 = opencv()
    flags = cv2.IMREAD_COLOR if exif else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise BadImageError(f"unreadable: {error.err}") from None
    if image is None:
        raise BadImageError("not an image that can be decoded: its data is damaged")
    return image  # type: ignore[no-any-return]


def central_crop(image: Image, fraction: float) -> Image:
    """Return the middle of an image as a view: ``int(side * fraction)`` of each side, offset ``(side - crop) // 2``.

    Raises BadImageError where nothing would be left.
    """
    height, width = image.shape[:2]
    crop_height, crop_width = int(height * fraction), int(width * fraction)
    if crop_height < 1 or crop_width < 1:
        raise BadImageError(f"{width}x{height} pixels: nothing is left after the central crop")
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    return image[top : top + crop_height, left : left + crop_width]


def resize(image: Image, size: int, interpolation: str) -> Image:
    """Return uint8 (size, size, 3), resized with the named filter of OpenCV."""
    cv2 = opencv()
    filters = {
        "bilinear": cv2.INTER_LINEAR,
        "nearest": cv2.INTER_NEAREST,
        "area": cv2.INTER_AREA,
        "cubic": cv2.INTER_CUBIC,
    }
    return cv2.resize(image, (size, size), interpolation=filters[interpolation])  # type: ignore[no-any-return]


def prepare(data: bytes, preprocess: Preprocess) -> Image:
    """Decode, crop and resize: encoded bytes to uint8 (size, size, 3), BGR. Raises BadImageError."""
    cropped = central_crop(decode(data, exif=preprocess.exif == "apply"), preprocess.crop_fraction)
    return resize(cropped, preprocess.size, preprocess.interpolation)
