"""A scale that is wrong by orders of magnitude: float32 loses the digits that would take it back.

Instead of the candidate, the reference is fed otherwise: with what the candidate sees, it has to give its answers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.diagnosis.affine import Affine
from harness.diagnosis.explanations import Tried
from harness.diagnosis.mixtures import mixtures
from harness.diagnosis.readings import Read, Rows, tells_images_apart
from harness.diagnosis.search import FEWEST, Search
from harness.diagnosis.subject import CannotFeedError
from harness.diagnosis.trials import Trial, sees

_SATURATED = 0.99  # of a probability: an answer from there on is the same for many inputs
_COARSE = 1024.0  # a scale from which pixels lose ten bits next to their mean


def search_forward(search: Search) -> Tried | None:
    """Return the mean and scale, out of those that cannot be taken back, with which the reference predicts the same."""
    search.progress("the reference, fed what the candidate would see")
    bench, few = search.bench, search.few[:FEWEST]
    in_rgb = bench.wanted.affine.ordered(bench.wanted.color, "RGB")
    found = []
    for change in mixtures(in_rgb.mean, in_rgb.scale):
        assert change.normalisation is not None
        seen = Affine(*change.normalisation(in_rgb.mean, in_rgb.scale)).ordered("RGB", bench.wanted.color)
        needed = sees(bench.own, bench.wanted, seen)
        if max(map(abs, needed.scale)) < _COARSE or not any(needed.mean) or search.is_late:
            continue
        fed = bench.wanted.with_affine(seen)
        trial = Trial((change,), bench.own, by_reference=True)
        try:
            if not any(read.largest <= search.limit for read in _reads(search, bench.reference_if(fed, few), few)):
                continue
            rows = bench.reference_if(fed)
        except CannotFeedError:
            return None
        if np.median(rows.max(axis=1)) > _SATURATED:
            continue  # agreement says nothing
        reads = _reads(search, rows, np.arange(bench.count))
        tried = [search.of(trial, read, bench.count) for read in reads]
        search.tried += tried
        found += [item for item in tried if search.is_parity(item.read) and tells_images_apart(rows, item.read.largest)]
    return search.best(found)


def _reads(search: Search, reference: Rows, images: NDArray[np.int64]) -> list[Read]:
    """Return the candidate's unchanged predictions for some images, compared with the reference's for other input."""
    bench = search.bench
    whole = bench.reference_rows.copy()
    whole[images] = reference
    return bench.read(search.unchanged()[images], search.spec, images, search.limit, whole)
