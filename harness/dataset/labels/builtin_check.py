"""Compares labels of images with official names with the built-in ones, so that every error is certain.

Also the reasons for labels that are wrong in a known way, which the check on the reference's predictions shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.dataset.imagenet import CLASSES, class_of_wnid, classes_in_devkit_order, label_of
from harness.errors import DatasetError

_FITS = 0.95  # share of the labels that a mistake has to explain to be called by its name
TRUST = "if the labels are right, set dataset.labels to {source: ..., trust: true}"


@dataclass(frozen=True)
class Mistake:
    """A way to get labels wrong. ``right``: int32 (classes,), the right class for each wrong one, -1 where none."""

    name: str
    sentence: str
    right: NDArray[np.int32]


def mistakes(classes: int) -> list[Mistake]:
    """Return the known mistakes for a number of classes; those of the devkit only where there are 1,000."""
    numbers = np.arange(classes, dtype=np.int32)
    found = [
        Mistake(
            "one too high",
            "every class is one too high: the list counts from 1, or counts the background in",
            numbers - 1,
        ),
        Mistake(
            "one too low",
            "every class is one too low: 1 was subtracted twice",
            np.where(numbers + 1 < classes, numbers + 1, -1).astype(np.int32),
        ),
        Mistake(
            "sorted as text",
            "the classes are positions in a list of numbers that was sorted as text (0, 1, 10, 100, ...)",
            np.array(sorted(range(classes), key=str), np.int32),
        ),
    ]
    if classes == CLASSES:
        order = classes_in_devkit_order()
        found += [
            Mistake("devkit ids", f"{_DEVKIT}, less 1", order),
            Mistake("devkit ids from 1", _DEVKIT, np.concatenate([[-1], order[:-1]]).astype(np.int32)),
        ]
    return found


_DEVKIT = "the classes are ids of the devkit, whose order is not that of the sorted WordNet ids"
_MEND = "give the devkit's folder as dataset.labels, or `labels: auto`"


def check_against_builtin(names: Sequence[str], classes: Sequence[int], *, source: str) -> None:
    """Compare the classes 0..999 of images with official names with the built-in labels.

    Raises DatasetError that says what is wrong: shifted, devkit ids, sorted as text, or simply other labels.
    """
    pairs = [
        (name, given, right)
        for name, given in zip(names, classes, strict=True)
        if (right := label_of(name)) is not None
    ]
    _check(pairs, f"{source}: {{wrong}} labels are not those of ILSVRC2012", "")


def check_against_wnids(
    names: Sequence[str], classes: Sequence[int], wnids: Sequence[str | None], *, source: str
) -> None:
    """Compare the classes 0..999 of images with the WordNet ids next to them, if there are any.

    Raises DatasetError that says which disagree: which of the two is right cannot be known.
    """
    known = class_of_wnid()
    pairs = [
        (name, given, known[wnid])
        for name, given, wnid in zip(names, classes, wnids, strict=True)
        if wnid is not None and wnid in known
    ]
    _check(pairs, f"{source}: {{wrong}} labels are not those of the WordNet ids beside them", " by its WordNet id")


def _check(pairs: Sequence[tuple[str, int, int]], start: str, by: str) -> None:
    """Raise DatasetError if classes are not the right ones. ``pairs``: name, given class and right one."""
    wrong = [item for item in pairs if item[1] != item[2]]
    if not wrong:
        return
    classed = np.array([item[1] for item in pairs], np.int64)
    official = np.array([item[2] for item in pairs], np.int64)
    start = start.format(wrong=f"{len(wrong):,} of {len(pairs):,}")
    name, first, wanted_class = wrong[0]
    example = f"(first {name}: class {first} instead of {wanted_class}{by})"
    for mistake in mistakes(CLASSES):
        inside = (classed >= 0) & (classed < CLASSES)
        mended = np.where(inside, mistake.right[np.where(inside, classed, 0)], -1)
        if mistake.name == "one too high":
            mended = classed - 1  # 1000 too
        elif mistake.name == "devkit ids from 1":
            mended = np.where(classed == CLASSES, classes_in_devkit_order()[-1], mended)
        if np.mean(mended == official) >= _FITS:
            raise DatasetError(f"{start}, because {mistake.sentence} {example}. Fix the list, or {_MEND}; {TRUST}")
    raise DatasetError(f"{start} {example}. Fix the list, or {_MEND}; {TRUST}")
