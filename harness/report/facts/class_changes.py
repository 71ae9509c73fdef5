"""Where a conversion hurts: the classes that lost or won most, and the confusions that grew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.report.facts.per_image import PerImage

SHOWN = 20


@dataclass(frozen=True)
class ClassChange:
    """A class's images, and how many of them each model has right."""

    label: int
    images: int
    before: int
    after: int

    @property
    def change(self) -> int:
        """Images won; negative: lost."""
        return self.after - self.before

    @property
    def change_pp(self) -> float:
        """The change in percentage points of the class's images; a loss is negative here, unlike a drop."""
        return 100 * self.change / self.images


@dataclass(frozen=True)
class Confusion:
    """Images of class ``label`` that were taken for ``taken_for``, by each model."""

    label: int
    taken_for: int
    before: int
    after: int


class ClassChanges(NamedTuple):
    """Classes that lost most, worst first, and gained most, best first. ``single``: those that one image changed."""

    worst: list[ClassChange]
    best: list[ClassChange]
    single: int


def class_changes(images: PerImage, reference: str, candidate: str) -> ClassChanges:
    """Return the classes that lost or gained two images at least, 20 of each at most: one image is noise."""
    labels, inverse = np.unique(images.labels, return_inverse=True)

    def counted(chosen: NDArray[np.bool_]) -> NDArray[np.intp]:
        return np.bincount(inverse, weights=chosen, minlength=len(labels)).astype(np.intp)

    totals = np.bincount(inverse, minlength=len(labels))
    rows = zip(
        labels.tolist(),
        totals.tolist(),
        counted(images.correct(reference)).tolist(),
        counted(images.correct(candidate)).tolist(),
        strict=True,
    )
    every = [row for row in (ClassChange(*values) for values in rows) if row.change]
    changed = [row for row in every if abs(row.change) > 1]
    worst = sorted((row for row in changed if row.change < 0), key=lambda row: (row.change, row.change_pp, row.label))
    best = sorted((row for row in changed if row.change > 0), key=lambda row: (-row.change, -row.change_pp, row.label))
    return ClassChanges(worst[:SHOWN], best[:SHOWN], len(every) - len(changed))


def grown_confusions(images: PerImage, reference: str, candidate: str) -> list[Confusion]:
    """Return what the candidate confuses more often than the reference, largest growth first; at most 20."""
    before, after = _confusions(images, reference), _confusions(images, candidate)
    grown = [
        Confusion(label, taken, before.get((label, taken), 0), count)
        for (label, taken), count in after.items()
        if count > before.get((label, taken), 0)
    ]
    grown.sort(key=lambda item: (item.before - item.after, -item.after, item.label, item.taken_for))
    return grown[:SHOWN]


def _confusions(images: PerImage, model: str) -> dict[tuple[int, int], int]:
    guessed = images.models[model].top1
    wrong = (guessed != images.labels) & (guessed >= 0)
    found = np.stack([images.labels[wrong], guessed[wrong]], axis=1)
    if not len(found):
        return {}
    places, counts = np.unique(found, axis=0, return_counts=True)
    return {(int(label), int(taken)): int(count) for (label, taken), count in zip(places, counts, strict=True)}
