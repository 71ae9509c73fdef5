"""Encoding: ordinary JPEG, and the oddities that the real ImageNet holds."""

from __future__ import annotations

import io
import platform
from enum import StrEnum

import cv2
import numpy as np
from PIL import Image
from PIL import __version__ as pillow_version

from datasets.demo.drawing.scene import Picture, render
from datasets.demo.drawing.sketch import Pixels
from datasets.demo.streams import HARD_SHARE, Split, calibration_class, evaluation_classes, stream


class Oddity(StrEnum):
    """What is unusual about a file."""

    GREYSCALE = "greyscale JPEG"
    CMYK = "CMYK JPEG, inverted as Adobe writes it"
    EXIF_ROTATED = "JPEG with EXIF orientation 6, pixels stored turned"
    PNG_AS_JPEG = "PNG named .JPEG"


# (class, which of its images from 0) -> oddity
_ODDITIES = {
    (340, 0): Oddity.GREYSCALE,
    (825, 2): Oddity.GREYSCALE,
    (409, 4): Oddity.GREYSCALE,
    (805, 5): Oddity.GREYSCALE,
    (918, 7): Oddity.GREYSCALE,
    (879, 8): Oddity.GREYSCALE,
    (815, 9): Oddity.GREYSCALE,
    (951, 10): Oddity.GREYSCALE,
    (950, 0): Oddity.CMYK,
    (555, 3): Oddity.CMYK,
    (417, 6): Oddity.CMYK,
    (14, 9): Oddity.CMYK,
    (470, 1): Oddity.EXIF_ROTATED,
    (722, 2): Oddity.PNG_AS_JPEG,
}


def evaluation_name(index: int) -> str:
    """Return the file name of evaluation image `index` (from 0); numbered from 1 as ImageNet's are."""
    return f"DEMO_val_{index + 1:08d}.JPEG"


def oddities() -> dict[int, Oddity]:
    """Return what is unusual, by the index of the evaluation image."""
    seen: dict[int, int] = {}
    found: dict[int, Oddity] = {}
    for index, class_index in enumerate(evaluation_classes()):
        turn = seen.get(class_index, 0)
        seen[class_index] = turn + 1
        if (class_index, turn) in _ODDITIES:
            found[index] = _ODDITIES[class_index, turn]
    return found


def _with_opencv(suffix: str, pixels: Pixels, parameters: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, pixels, parameters)
    if not done:
        raise RuntimeError(f"OpenCV could not encode an image as {suffix}")
    return bytes(data.tobytes())


def _as_cmyk(picture: Picture) -> bytes:
    rgb = picture.pixels.astype(np.float32)
    light = rgb.max(axis=2, keepdims=True)
    ink = 255 * (1 - rgb / np.maximum(light, 1))
    planes = np.clip(np.rint(np.concatenate([ink, 255 - light], axis=2)), 0, 255).astype(np.uint8)
    target = io.BytesIO()
    image = Image.frombytes("CMYK", (planes.shape[1], planes.shape[0]), planes.tobytes())
    image.save(target, "JPEG", quality=picture.quality)
    return target.getvalue()


def _turned(picture: Picture) -> bytes:
    stored = np.ascontiguousarray(np.rot90(picture.pixels))
    exif = Image.Exif()
    exif[0x0112] = 6
    target = io.BytesIO()
    Image.fromarray(stored).save(target, "JPEG", quality=picture.quality, exif=exif)
    return target.getvalue()


def encode(picture: Picture, oddity: Oddity | None = None) -> bytes:
    """Encode a picture as a file's bytes: baseline JPEG unless an oddity is asked for."""
    bgr = np.ascontiguousarray(picture.pixels[..., ::-1])
    quality = [int(cv2.IMWRITE_JPEG_QUALITY), picture.quality]
    if oddity is Oddity.GREYSCALE:
        grey: Pixels = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)
        return _with_opencv(".jpg", grey, quality)
    if oddity is Oddity.CMYK:
        return _as_cmyk(picture)
    if oddity is Oddity.EXIF_ROTATED:
        return _turned(picture)
    if oddity is Oddity.PNG_AS_JPEG:
        return _with_opencv(".png", bgr, [int(cv2.IMWRITE_PNG_COMPRESSION), 9])
    return _with_opencv(".jpg", bgr, quality)


def evaluation_picture(index: int, class_index: int) -> Picture:
    """Draw evaluation image `index` anew."""
    return render(stream(Split.EVALUATION, index), class_index, HARD_SHARE[Split.EVALUATION])


def evaluation_bytes(index: int, class_index: int, oddity: Oddity | None) -> bytes:
    """Make the file of evaluation image `index` anew."""
    return encode(evaluation_picture(index, class_index), oddity)


def calibration_name(index: int) -> str:
    """Return the file name of calibration image `index` (from 0)."""
    return f"DEMO_cal_{index + 1:08d}.JPEG"


def calibration_bytes(index: int) -> bytes:
    """Make the file of calibration image `index` anew: an ordinary JPEG, drawn as the evaluation images are."""
    split = Split.CALIBRATION
    return encode(render(stream(split, index), calibration_class(index), HARD_SHARE[split]))


def library_versions() -> dict[str, str]:
    """Return what the bytes of the images depend on besides the seed."""
    return {
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "pillow": pillow_version,
        "machine": platform.machine(),
        "cpu_features": cv2.getCPUFeaturesLine(),
    }
