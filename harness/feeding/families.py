"""The contracts and preprocessings that published networks have, as they are tried on images."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.config.color import Triple

# In RGB. Sources: TF-Slim's and Keras' `inception` scale to [-1, 1]; torchvision's and Caffe's means are ImageNet's.
NORMALISATIONS: dict[str, tuple[Triple, Triple]] = {
    "[-1, 1]": ((127.5,) * 3, (127.5,) * 3),
    "plain pixels": ((0.0,) * 3, (1.0,) * 3),
    "[0, 1]": ((0.0,) * 3, (255.0,) * 3),
    "ImageNet's mean and deviation": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "Caffe's mean": ((123.68, 116.779, 103.939), (1.0,) * 3),
    "128": ((128.0,) * 3, (128.0,) * 3),
}


@dataclass(frozen=True)
class Way:
    """A way from image to pixels: ``keys`` of `dataset.preprocess`, but for the size."""

    name: str
    keys: dict[str, Any] = field(compare=False)


def ways(size: int | tuple[int, int]) -> tuple[Way, ...]:
    """Return crops and filters for an input of this size (a side, or height and width); the published one first."""
    side = size if isinstance(size, int) else max(size)
    short = round(side / 0.875)
    return (
        Way("central crop of 0.875, bilinear", {"crop_fraction": 0.875, "interpolation": "bilinear"}),
        Way("no crop, bilinear", {"crop_fraction": 1.0, "interpolation": "bilinear"}),
        Way("central crop of 0.875, cubic", {"crop_fraction": 0.875, "interpolation": "cubic"}),
        Way("central crop of 0.875, area", {"crop_fraction": 0.875, "interpolation": "area"}),
        Way(
            f"short side {short}, crop {side}, bilinear by Pillow",
            {
                "decoder": "pillow",
                "steps": [
                    {"resize": {"short_side": short, "interpolation": "bilinear", "library": "pillow"}},
                    {"crop": {"size": side}},
                ],
            },
        ),
    )
