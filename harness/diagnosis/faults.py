"""The catalogue of conversion faults: each one thing that goes wrong in practice, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.config.color import Triple

Array = NDArray[Any]

# The per-channel means that torchvision, and Caffe before it, computed on ImageNet; RGB, 0..255.
_OTHER_FAMILY: Triple = (123.675, 116.28, 103.53)


@dataclass(frozen=True)
class Fault:
    """One fault. Fields that are None or empty are as they should be.

    ``preprocess``: keys of dataset.preprocess that the candidate's pixels are made with; ``pixels``: what happens to
    uint8 (n, size, size, 3) before the candidate; ``normalisation``: from the true mean and scale to the wrong ones;
    ``edit``: the change of the model's graph, by the name that its editor knows; ``precision``: what it is run
    at; ``probabilities``: what happens to float32 (n, classes) after it; ``label_shift``: added to every label;
    ``refusable``: the model may be refused before it runs, which then is the catch.
    """

    name: str
    preprocess: dict[str, Any] | None = None
    pixels: Callable[[Array], Array] | None = None
    normalisation: Callable[[Triple, Triple], tuple[Triple, Triple]] | None = None
    edit: str | None = None
    precision: str | None = None
    probabilities: Callable[[Array], Array] | None = None
    label_shift: int = 0
    refusable: bool = False


def _swapped(pixels: Array) -> Array:
    return np.ascontiguousarray(pixels[..., ::-1])


def _planar(pixels: Array) -> Array:
    """Lay the three planes one after the other in the same bytes: NCHW read as NHWC."""
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).reshape(pixels.shape)


def _transposed_classes(probabilities: Array) -> Array:
    """Read the classes as a table and write it column by column; a prime number of classes is reversed instead."""
    classes = probabilities.shape[1]
    rows = next((number for number in range(int(classes**0.5), 1, -1) if classes % number == 0), 1)
    order = np.arange(classes)[::-1] if rows == 1 else np.arange(classes).reshape(rows, -1).T.reshape(-1)
    return np.ascontiguousarray(probabilities[:, order])


def _twice(mean: Triple, scale: Triple) -> tuple[Triple, Triple]:
    """((x - m) / s - m) / s = (x - (m + m s)) / s^2."""
    pairs = list(zip(mean, scale, strict=True))
    first, second, third = ((m + m * s, s * s) for m, s in pairs)
    return (first[0], second[0], third[0]), (first[1], second[1], third[1])


def _constant(mean: float, scale: float) -> Callable[[Triple, Triple], tuple[Triple, Triple]]:
    return lambda _mean, _scale: ((mean,) * 3, (scale,) * 3)


FAULTS: tuple[Fault, ...] = (
    Fault("channels not swapped", pixels=_swapped),
    Fault("mean and scale missing", normalisation=_constant(0.0, 1.0)),
    Fault("mean and scale applied twice", normalisation=_twice),
    Fault("input scaled to [0, 1]", normalisation=_constant(0.0, 255.0)),
    Fault("mean and scale 128", normalisation=_constant(128.0, 128.0)),
    Fault("means of another model family", normalisation=lambda _mean, scale: (_OTHER_FAMILY, scale)),
    Fault("NCHW fed to an NHWC input", pixels=_planar),
    Fault("labels off by one (+1)", label_shift=1),
    Fault("labels off by one (-1)", label_shift=-1),
    Fault("resized with the filter area", preprocess={"interpolation": "area"}),
    Fault("resized with the filter cubic", preprocess={"interpolation": "cubic"}),
    Fault("resized with the filter nearest", preprocess={"interpolation": "nearest"}),
    Fault("crop forgotten", preprocess={"crop_fraction": 1.0}),
    Fault("softmax missing", edit="without_softmax"),
    Fault("the wrong output", edit="another_output", refusable=True),
    Fault("stale BIN of other weights", edit="other_weights"),
    Fault("transposed class order", probabilities=_transposed_classes),
    Fault("weights compressed to FP16", edit="weights_f16"),
    Fault("executed in bf16", precision="bf16"),
    Fault("weights rounded to 8 bits", edit="rounded_weights"),
)
