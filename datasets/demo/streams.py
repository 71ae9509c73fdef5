"""The seed streams: which random numbers and which class belong to image number `index` of a split.

Every image has a stream of its own, seeded by (seed, split, index), so that any image can be made again alone, and no
two splits share a stream.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from datasets.demo.drawing.classes import SUBJECTS

SEED = 20180113
IMAGES_PER_CLASS = 12
EVALUATION_IMAGES = IMAGES_PER_CLASS * len(SUBJECTS)
CALIBRATION_IMAGES = 2 * len(SUBJECTS)


class Split(IntEnum):
    """The second word of an image's seed; `ORDER` is for what belongs to no single image."""

    ORDER = 0
    EVALUATION = 1
    TRAINING = 2
    CALIBRATION = 3


HARD_SHARE = {Split.EVALUATION: 0.1, Split.TRAINING: 0.3, Split.CALIBRATION: 0.1}
"""Fraction of pictures with several faults: more in training, so that the network has seen the worst."""


def stream(split: Split, index: int) -> np.random.Generator:
    """Return the random numbers of image `index` (from 0) of `split`."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([SEED, int(split), index])))


def evaluation_classes() -> list[int]:
    """Return the class of each evaluation image: every class once in each run of `len(SUBJECTS)` images, shuffled."""
    rng = stream(Split.ORDER, 0)
    classes = sorted(SUBJECTS)
    order: list[int] = []
    for _ in range(IMAGES_PER_CLASS):
        order += [classes[int(position)] for position in rng.permutation(len(classes))]
    return order


def training_class(index: int) -> int:
    """Return the class of training image `index`: the classes in turn."""
    classes = sorted(SUBJECTS)
    return classes[index % len(classes)]


def calibration_class(index: int) -> int:
    """Return the class of calibration image `index`: the classes in turn."""
    return training_class(index)


def stream_of_training() -> np.random.Generator:
    """Return the random numbers of the training run: order, mirroring, shifts."""
    return stream(Split.ORDER, 1)
