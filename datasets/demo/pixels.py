"""The published preprocessing: what a file becomes before it reaches the network."""

from __future__ import annotations

import cv2
import numpy as np

from datasets.demo.drawing.sketch import Pixels

SIDE = 224
CROP_FRACTION = 0.875


def prepare(data: bytes) -> Pixels:
    """Decode a file, ignoring EXIF orientation, crop its centre and resize it: RGB uint8 [224, 224, 3].

    Raises:
        ValueError: the bytes are not an image.

    """
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        raise ValueError("these bytes are not an image that OpenCV can decode")
    height, width = image.shape[:2]
    rows, columns = int(height * CROP_FRACTION), int(width * CROP_FRACTION)
    top, left = (height - rows) // 2, (width - columns) // 2
    crop = image[top : top + rows, left : left + columns]
    resized = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(resized[..., ::-1], np.uint8)
