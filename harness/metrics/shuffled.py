"""What a model's answers would be worth on the same images in random order: how many would be right by chance alone.

On images of which most have one label, a model that always answers with it is right far more often than one of so
many classes; what it would be right of by chance follows from its own answers and from the labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Shuffled:
    """Mean and standard deviation of the number of right images over all orders of the answers.

    ``images``: how many there are; ``other_labels``: how many of them have another label than the commonest one.
    """

    images: int
    expected: float
    deviation: float
    other_labels: int


def shuffled(answers: NDArray[np.int32], labels: NDArray[np.int32]) -> Shuffled:
    """Return what answers, int (n,), would be worth against labels, int (n,), in random order.

    The number of right images is a linear permutation statistic. Source: A. Wald, J. Wolfowitz (1944), Ann. Math.
    Stat. 15, 358-372; its mean over n is what Cohen's kappa calls the agreement by chance. Raises ValueError where the
    lengths differ.
    """
    if answers.shape != labels.shape:
        raise ValueError(f"{len(answers)} answers, {len(labels)} labels")
    total = len(labels)
    if total == 0:
        return Shuffled(0, 0.0, 0.0, 0)
    classes, numbers = np.unique(np.concatenate([answers, labels]), return_inverse=True)
    numbers = numbers.reshape(-1)
    given = np.bincount(numbers[:total], minlength=len(classes)).tolist()
    wanted = np.bincount(numbers[total:], minlength=len(classes)).tolist()
    # Python's integers: the products of an image set of millions do not fit into 64 bits.
    both = sum(a * b for a, b in zip(given, wanted, strict=True))
    once = sum(a * b * (a + b) for a, b in zip(given, wanted, strict=True))
    spread = both * total**2 - once * total + both**2
    variance = spread / (total**2 * (total - 1)) if total > 1 else 0.0
    return Shuffled(total, both / total, math.sqrt(max(0.0, variance)), total - max(wanted))
