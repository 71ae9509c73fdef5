"""What one model gave for a run of images: one row per image, small enough to keep for a whole validation set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harness.metrics.topk import TOP, rank_of_label, top_k


@dataclass(frozen=True)
class Outcome:
    """Rows of one model; every array has the images along its first axis.

    A bad image has ``top1`` and ``top5`` -1, ``rank_of_label`` 0 and NaN elsewhere: it is wrong for every k.
    ``max_abs_diff`` and ``mean_abs_diff`` compare the probabilities with the reference's (0 for the reference itself).
    """

    top1: NDArray[np.int32]
    top5: NDArray[np.int32]
    top5_probabilities: NDArray[np.float32]
    probability_of_label: NDArray[np.float32]
    top1_probability: NDArray[np.float32]
    rank_of_label: NDArray[np.int32]
    max_abs_diff: NDArray[np.float32]
    mean_abs_diff: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.top1)

    def __getitem__(self, rows: slice | NDArray[np.bool_]) -> Self:
        return self.from_columns({name: array[rows] for name, array in self.columns().items()})

    @property
    def is_bad(self) -> NDArray[np.bool_]:
        """Bool (n,): the bad images."""
        return self.rank_of_label < 1

    def columns(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_columns(cls, columns: Mapping[str, NDArray[np.generic]]) -> Self:
        """Build an outcome from arrays by name. Raises KeyError if one is missing."""
        arrays: dict[str, Any] = {field.name: columns[field.name] for field in fields(cls)}
        return cls(**arrays)

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Return the parts one after the other. Raises ValueError if there is none."""
        if not parts:
            raise ValueError("no outcome to concatenate")
        columns = [part.columns() for part in parts]
        return cls.from_columns({name: np.concatenate([part[name] for part in columns]) for name in columns[0]})


def score(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int32],
    reference: NDArray[np.float32] | None = None,
) -> Outcome:
    """Score one model's probabilities, float32 (n, classes), against labels, int32 (n,).

    ``reference``: the reference's probabilities for the same images and classes, or None for the reference itself.
    Raises ValueError if shapes differ, a label is out of range, or a number is NaN.
    """
    rank = rank_of_label(probabilities, labels)
    classes = top_k(probabilities)
    images = len(labels)
    picked = np.take_along_axis(probabilities, np.maximum(classes, 0).astype(np.int64), axis=1)
    top5_probabilities = np.where(classes >= 0, picked, np.float32(0)).astype(np.float32)
    if reference is None:
        largest, mean = np.zeros(images, np.float32), np.zeros(images, np.float64)
    else:
        largest, mean = absolute_difference(probabilities, reference)
    return Outcome(
        top1=classes[:, 0].copy(),
        top5=classes,
        top5_probabilities=top5_probabilities,
        probability_of_label=probabilities[np.arange(images), labels].astype(np.float32),
        top1_probability=top5_probabilities[:, 0].copy(),
        rank_of_label=rank,
        max_abs_diff=largest,
        mean_abs_diff=mean,
    )


def absolute_difference(
    candidate: NDArray[np.float32], reference: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the largest (float32) and mean (float64) absolute difference of each image's probabilities.

    Both inputs: float32 (n, classes). Raises ValueError if the shapes differ: nothing is cut to the shorter one.
    """
    if candidate.shape != reference.shape:
        raise ValueError(f"probabilities of shape {candidate.shape} against {reference.shape}")
    if not (np.issubdtype(candidate.dtype, np.floating) and np.issubdtype(reference.dtype, np.floating)):
        raise ValueError(f"probabilities of type {candidate.dtype} and {reference.dtype}, floating-point ones wanted")
    difference = np.abs(candidate - reference)
    return difference.max(axis=1, initial=0).astype(np.float32), difference.mean(axis=1, dtype=np.float64)


def as_decimal(value: np.floating[Any]) -> float:
    """Return the shortest decimal number that names this very value: 0.001 for ``np.float32(0.001)``.

    The plain conversion gives 0.0010000000474974513, which would be beyond a limit that was written as 0.001.
    """
    return float(str(value))


def with_bad_rows(outcome: Outcome, good: NDArray[np.bool_]) -> Outcome:
    """Return ``outcome``, which has the rows where ``good`` is true, spread over all rows; the others are bad images.

    Raises ValueError if the number of true rows is not the outcome's length.
    """
    if int(good.sum()) != len(outcome):
        raise ValueError(f"{int(good.sum())} good rows, but an outcome of {len(outcome)}")
    if good.all():
        return outcome
    spread: dict[str, NDArray[np.generic]] = {}
    for name, array in outcome.columns().items():
        empty = {"top1": -1, "top5": -1, "rank_of_label": 0}.get(name, np.nan)
        whole = np.full((len(good), *array.shape[1:]), empty, array.dtype)
        whole[good] = array
        spread[name] = whole
    return Outcome.from_columns(spread)


def empty_outcome() -> Outcome:
    """Return the outcome of no image."""
    return score(np.empty((0, TOP), np.float32), np.empty(0, np.int32))
