"""The means and scales that published networks are trained with, as they are tried on images."""

from __future__ import annotations

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
