"""Which images are correct, and which flip between two models; exact integers throughout."""

from __future__ import annotations

import numpy as np

from harness.metrics.outcome import Outcome


def correct_at(outcome: Outcome, k: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return bool (n,): whether each image's label is among the k best classes; a bad image is wrong."""
    return (outcome.rank_of_label >= 1) & (outcome.rank_of_label <= k)


def flip_counts(reference: Outcome, candidate: Outcome, k: int = 1) -> tuple[int, int]:
    """Return (broken, fixed): images correct in the reference only, and in the candidate only.

    Raises ValueError if the two differ in length.
    """
    if len(reference) != len(candidate):
        raise ValueError(f"{len(reference)} reference rows, {len(candidate)} candidate rows")
    before, after = correct_at(reference, k), correct_at(candidate, k)
    return int((before & ~after).sum()), int((~before & after).sum())
