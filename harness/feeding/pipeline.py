"""A whole preprocessing: encoded bytes to pixels of the network's size."""

from __future__ import annotations

import numpy as np

from harness.config.preprocess import Crop, Plan, Resize
from harness.dataset.image import Image, decode, decode_with_pillow
from harness.feeding.steps import Pixels, cropped, normalized, resized


def decoded(data: bytes, plan: Plan) -> Image:
    """Decode an image as a plan says: uint8 (height, width, 3), BGR. Raises BadImageError."""
    reader = decode_with_pillow if plan.decoder == "pillow" else decode
    return reader(data, exif=plan.exif == "apply")


def after_steps(image: Image, plan: Plan) -> Pixels:
    """Take a decoded image through a plan's steps: contiguous (H, W, 3), BGR, uint8 or, after a normalize, float32.

    Raises BadImageError.
    """
    pixels: Pixels = image
    for step in plan.steps:
        if isinstance(step, Resize):
            pixels = resized(pixels, step)
        elif isinstance(step, Crop):
            pixels = cropped(pixels, step)
        else:
            pixels = normalized(pixels, step)
    return np.ascontiguousarray(pixels)
