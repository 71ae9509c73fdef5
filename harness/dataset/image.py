"""From encoded bytes to an image, by OpenCV.

OpenCV decodes to 8-bit BGR: greyscale becomes three equal channels, CMYK is converted, and the EXIF orientation is
ignored unless `exif: apply` is set, because the published numbers were measured that way (docs/datasets.md).
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.dataset.header import LARGEST_PIXELS, NO_IMAGE, HeaderError, read_header, without_names
from harness.errors import HarnessError

Image = NDArray[np.uint8]


class BadImageError(HarnessError):
    """An image cannot be evaluated; the text is the reason, for the list of bad images."""


@lru_cache(maxsize=1)
def opencv() -> Any:
    """Return OpenCV, silent and on one thread."""
    import cv2

    silent = cv2.utils.logging.LOG_LEVEL_SILENT
    cv2.utils.logging.setLogLevel(silent)  # what is wrong with an image is said once, with its name
    cv2.setNumThreads(1)  # the engine decodes many images at once; threads inside one image only get in the way
    return cv2


def decoder_version() -> str:
    """Return the decoder's name and version, for the record."""
    return f"opencv {opencv().__version__}"


def decode(data: bytes, *, exif: bool = False) -> Image:
    """Decode an image to uint8 (height, width, 3), BGR. ``exif``: turn it as its EXIF orientation says.

    Raises BadImageError with the reason: empty, no image, cut off (a decoder that fills the rest with grey gives no
    answer), or of absurd dimensions, which is known before anything is decoded.
    """
    _check(data)
    cv2 = opencv()
    flags = cv2.IMREAD_COLOR if exif else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(without_names(data), np.uint8), flags)
    except cv2.error as error:
        raise BadImageError(f"unreadable: {error.err}") from None
    if image is None:
        raise BadImageError(f"{NO_IMAGE}: its data is damaged")
    return image  # type: ignore[no-any-return]


def decode_with_pillow(data: bytes, *, exif: bool = False) -> Image:
    """Decode an image with Pillow to uint8 (height, width, 3), **RGB**, with the same checks before it as ``decode``.

    Raises BadImageError with the reason.
    """
    _check(data)
    from PIL import Image as pillow  # noqa: N813  (a module, and not a class of the harness)
    from PIL import ImageOps

    pillow.MAX_IMAGE_PIXELS = LARGEST_PIXELS  # above it, Pillow warns on stderr; twice as many are an error to it
    try:
        with pillow.open(io.BytesIO(data)) as opened:
            turned = ImageOps.exif_transpose(opened) if exif else opened
            if turned.mode == "P" and isinstance(turned.info.get("transparency"), bytes):
                # Pillow warns of it and drops it when it makes RGB; the pixels are the same without.
                turned.load()
                del turned.info["transparency"]
            return np.asarray(turned.convert("RGB"))
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError, pillow.DecompressionBombError) as error:
        raise BadImageError(f"unreadable: {error}") from None


def _check(data: bytes) -> None:
    try:
        read_header(data)
    except HeaderError as error:
        raise BadImageError(str(error)) from None
