"""A candidate that has one class less or more than its reference, and the others in their order."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from harness.diagnosis.answer import Diagnosis, number
from harness.diagnosis.answering import found_cause
from harness.diagnosis.readings import Rows
from harness.diagnosis.search import Search
from harness.errors import DeviceError, ModelError
from harness.feeding.outputs import probabilities

Sums = NDArray[np.float64]
_SMALLEST = 1e-30  # as a probability, of which the logarithm is taken


def of_class_count(search: Search, width: int) -> Diagnosis | None:
    """Return which class is missing or additional; None where that is not what is wrong, or where it is the first.

    The first one is the background: `background-class` says more of it.
    """
    bench = search.bench
    needed = bench.reference_spec.outputs
    if abs(width - needed) != 1:
        return None
    spec = dataclasses.replace(bench.spec, outputs=width)
    try:
        subject = bench.open(spec)
    except (ModelError, DeviceError):
        return None
    raw = bench.answer(subject, bench.values(bench.own))
    bench.settle(raw, spec)
    reference, own = bench.reference_probabilities, probabilities(raw, bench.applied.get(spec.id, "none"))
    fewer, more = (own, reference) if width < needed else (reference, own)
    place = additional_class(fewer, more, search.limit)
    if not place:
        return None
    largest = float(np.abs(fewer - np.delete(more, place, axis=1)).max())
    name = bench.reference.id
    claim = f"lacks class {place} of {name}" if width < needed else f"has a class {place} that {name} does not have"
    sentence = (
        f"The candidate {bench.candidate.id} {claim}: the largest difference of the other {min(width, needed)} "
        f"probabilities on {bench.count} images is {number(largest)}."
    )
    figures = {
        "images": bench.count,
        "values_an_image": width,
        "values_needed": needed,
        "class": place,
        "max_abs_diff_after": largest,
    }
    mend = f"Convert it again with the {needed} classes of {name}."
    return found_cause(bench, ["class-count"], sentence, mend, figures)


def additional_class(fewer: Rows, more: Rows, limit: float) -> int | None:
    """Return the class of ``more``, (n, classes + 1), without which it is ``fewer``, (n, classes); None: there is none.

    The others have to be in the same order, and as near as ``limit``, or once they sum to 1 again. Their logarithms
    tell which class it is, since most probabilities are almost nothing.
    """
    mine, theirs = (np.log(np.maximum(rows.astype(np.float64), _SMALLEST)) for rows in (fewer, more))
    before, behind = mine - theirs[:, :-1], mine - theirs[:, 1:]  # of a class in front of that one, and behind it
    squares, plain = _without_each(before**2, behind**2), _without_each(before, behind)
    sums = np.maximum(more.sum(axis=1, keepdims=True, dtype=np.float64) - more, _SMALLEST)
    shift = np.log(sums)  # of the logarithms, if the others sum to 1 again
    costs = np.stack([squares.sum(axis=0), (squares + 2 * shift * plain + mine.shape[1] * shift**2).sum(axis=0)])
    kind, place = (int(number) for number in np.unravel_index(int(costs.argmin()), costs.shape))
    rest = np.delete(more.astype(np.float64), place, axis=1) / (sums[:, place : place + 1] if kind else 1)
    nearest = float(np.abs(fewer - rest).max(initial=0))
    return place if nearest <= limit else None


def _without_each(before: Sums, behind: Sums) -> Sums:
    """Return for each class (n, classes + 1) the sum of ``before`` up to it and of ``behind`` from it on."""
    none = np.zeros((len(before), 1))
    front = np.concatenate([none, np.cumsum(before, axis=1)], axis=1)
    back = np.concatenate([np.cumsum(behind[:, ::-1], axis=1)[:, ::-1], none], axis=1)
    return np.asarray(front + back)
