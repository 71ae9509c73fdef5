"""What a model is fed for an image: pixels after its input contract, exactly as the model takes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.config import Input
from harness.config.preprocess import Preprocess
from harness.feeding.pipeline import decode_with, run_steps


def feed(data: bytes, preprocess: Preprocess, contract: Input) -> NDArray[np.float32]:
    """Return float32 (height, width, 3): one image in the model's colour order after its mean and scale.

    ``data``: the encoded image. Values are computed in float64 and rounded once. Raises BadImageError.
    """
    library, exif = preprocess.decoding
    pixels = run_steps(decode_with(library, data, exif=exif), preprocess)
    if contract.color == "RGB":
        pixels = pixels[:, :, ::-1]
    values = (pixels.astype(np.float64) - contract.mean_per_channel) / contract.scale_per_channel
    return np.ascontiguousarray(values, np.float32)
