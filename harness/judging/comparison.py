"""Counts of one model, and of a candidate against the reference on the same images, as parts of the record."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from harness.metrics.compare import correct_at, flip_counts
from harness.metrics.near_ties import near_ties
from harness.metrics.outcome import Outcome, as_decimal
from harness.metrics.shuffled import shuffled
from harness.metrics.statistics import mcnemar_exact, paired_drop, wilson
from harness.record.schema import Accuracy, Agreement, ChancePart, ComparisonPart, Drop, Flips

_SURE = 0.99  # from here on a network of few bits gives many images the same probability


def accuracy(outcome: Outcome, k: int) -> Accuracy:
    """Count the images whose label is among the k best classes."""
    correct = int(correct_at(outcome, k).sum())
    total = len(outcome)
    if total == 0:
        return Accuracy(correct=0, total=0, percent=None, ci95_percent=None)
    low, high = wilson(correct, total)
    return Accuracy(correct=correct, total=total, percent=100 * correct / total, ci95_percent=(100 * low, 100 * high))


def by_chance(outcome: Outcome, labels: NDArray[np.int32]) -> ChancePart:
    """Return what a model's answers are worth in random order; bad images take no part. ``labels``: int32 (n,).

    Raises ValueError where the lengths differ.
    """
    good = ~outcome.is_bad
    return chance_part(outcome.top1[good], labels[good], outcome.top5[good], outcome.top5_probabilities[good])


def chance_part(
    answers: NDArray[np.int32],
    labels: NDArray[np.int32],
    classes: NDArray[np.int32],
    probabilities: NDArray[np.float32],
) -> ChancePart:
    """Return what Top-1 answers, int (n,), are worth in random order.

    ``classes``, ``probabilities``: (n, k), the best classes of each image. Raises ValueError where the lengths differ.
    """
    found = shuffled(answers, labels)
    same = [bool((rows == rows[:1]).all()) for rows in (classes, probabilities)]
    return ChancePart(
        images=found.images,
        expected_correct=found.expected,
        standard_deviation=found.deviation,
        other_labels=found.other_labels,
        same_probabilities=len(answers) > 1 and all(same) and bool(probabilities[0].max() < _SURE),
    )


def compare(
    reference_id: str, reference: Outcome, candidate_id: str, candidate: Outcome, image_ids: tuple[str, ...]
) -> ComparisonPart:
    """Compare a candidate with the reference image by image.

    Raises ValueError if the two outcomes or the ids differ in length: nothing is cut to the shorter one.
    """
    total = len(reference)
    if len(candidate) != total or len(image_ids) != total:
        raise ValueError(f"{total} reference rows, {len(candidate)} candidate rows, {len(image_ids)} image ids")
    broken, fixed = flip_counts(reference, candidate)
    wrong = ~correct_at(reference, 1) & ~correct_at(candidate, 1)
    changed_wrong = int((wrong & (reference.top1 != candidate.top1)).sum())
    largest, mean, worst = _differences(candidate)
    return ComparisonPart(
        reference=reference_id,
        candidate=candidate_id,
        top1_agreement=agreement(reference, candidate),
        flips=Flips(
            fixed=fixed, broken=broken, changed_wrong=changed_wrong, near_ties=broken_near_ties(reference, candidate)
        ),
        drop=_drop(reference, candidate),
        max_abs_diff=largest,
        mean_abs_diff=mean,
        worst_image=None if worst is None else image_ids[worst],
    )


def agreement(first: Outcome, second: Outcome) -> Agreement:
    """Count the images on which two models give the same Top-1 class; bad images take no part.

    Raises ValueError if the two differ in length.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} rows against {len(second)}")
    good = first.top1 >= 0
    same, compared = int(((first.top1 == second.top1) & good).sum()), int(good.sum())
    return Agreement(count=same, total=compared, percent=100 * same / compared if compared else None)


def largest_difference(candidate: Outcome) -> float | None:
    """Return the largest absolute difference of any probability; None if there is none that is a number."""
    return _differences(candidate)[0]


def _differences(candidate: Outcome) -> tuple[float | None, float | None, int | None]:
    """Return the largest and the mean absolute difference over all images but bad ones, and the row of the largest.

    A difference that is not finite is the largest there is: the row is its first image's, and there are no numbers.
    """
    good = ~candidate.is_bad
    if not good.any():
        return None, None, None
    differences = np.where(good, candidate.max_abs_diff, np.float32(-1))
    beyond = good & ~(np.isfinite(candidate.max_abs_diff) & np.isfinite(candidate.mean_abs_diff))
    if beyond.any():
        return None, None, int(np.argmax(beyond))
    worst = int(np.argmax(differences))
    mean = math.fsum(candidate.mean_abs_diff[good].tolist()) / int(good.sum())
    return as_decimal(candidate.max_abs_diff[worst]), mean, worst


def broken_near_ties(reference: Outcome, candidate: Outcome) -> int:
    """Count the images right in the reference only that are near-ties of the reference."""
    broken = correct_at(reference, 1) & ~correct_at(candidate, 1)
    return int((broken & near_ties(reference.top5_probabilities, candidate.max_abs_diff)).sum())


def _drop(reference: Outcome, candidate: Outcome) -> Drop:
    total = len(reference)
    if total == 0:
        return Drop(top1_pp=None, top5_pp=None, top1_ci95_pp=None, top1_p_value=None)
    broken1, fixed1 = flip_counts(reference, candidate, 1)
    broken5, fixed5 = flip_counts(reference, candidate, 5)
    low1, high1 = paired_drop(broken1, fixed1, total)
    low5, high5 = paired_drop(broken5, fixed5, total)
    return Drop(
        top1_pp=100 * (broken1 - fixed1) / total,
        top5_pp=100 * (broken5 - fixed5) / total,
        top1_ci95_pp=(100 * low1, 100 * high1),
        top5_ci95_pp=(100 * low5, 100 * high5),
        top1_p_value=mcnemar_exact(broken1, fixed1),
    )
