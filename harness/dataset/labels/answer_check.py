"""Compares the labels with the reference's predictions for the first images.

Numbers alone cannot tell 1-based labels of a part of the classes from right ones; a network can that is right far more
often once every label is shifted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.dataset.labels.builtin_check import TRUST, mistakes

FEWEST = 24  # images; fewer prove nothing
GAIN = 0.20  # fraction of the images that have to become right
TIMES = 3  # how many times as many have to be right


@dataclass(frozen=True)
class Suspicion:
    """What is wrong with labels, and how to fix it: both without a full stop, as parts of a sentence."""

    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.what}. {self.mend[:1].upper()}{self.mend[1:]}"


def suspicion(
    answers: NDArray[np.integer],
    labels: NDArray[np.integer],
    *,
    classes: int,
    background_class: bool,
    model: str = "the reference",
) -> Suspicion | None:
    """Return what is wrong with the labels, or None if nothing speaks against them.

    ``answers``: int (n,), the Top-1 class of ``model`` for the first images; ``labels``: int (n,), their labels;
    both count as the network does. Rows with an answer below 0 (bad images) are left out. The labels are suspect
    where a known mistake, undone, makes at least 20 pp more of the answers right, and three times as many.
    """
    seen = answers >= 0
    offset = int(background_class)
    given, wanted = labels[seen].astype(np.int64) - offset, answers[seen].astype(np.int64) - offset
    if len(given) < FEWEST:
        return None
    now = int((given == wanted).sum())
    best, right = None, 0
    for mistake in mistakes(classes):
        mended = mistake.right[given]
        count = int(((mended == wanted) & (mended >= 0)).sum())
        if mistake.name == "one too high":  # the lowest class has no class below it but the background
            count = int((given - 1 == wanted).sum())
        if count > right:
            best, right = mistake, count
    if best is None or right - now < GAIN * len(given) or right < TIMES * now:
        return None
    return Suspicion(
        f"the labels look wrong: of the first {len(given)} images {model} gets {now} right "
        f"({100 * now / len(given):.1f} %), but {right} ({100 * right / len(given):.1f} %) if {best.sentence}",
        f"{_mend(best.name, background_class=background_class)}; {TRUST}",
    )


def _mend(name: str, *, background_class: bool) -> str:
    if name == "one too high":
        more = ", or dataset.background_class: false if the network has no background class" if background_class else ""
        return f"subtract 1 from every class of the list{more}"
    if name == "one too low":
        mend = ", or set dataset.background_class: true if the network's class 0 is background"
        more = "" if background_class else mend
        return f"add 1 to every class of the list{more}"
    if name == "sorted as text":
        return "give each image the number of its class"
    return "give the devkit's folder as dataset.labels, or `labels: auto`"
