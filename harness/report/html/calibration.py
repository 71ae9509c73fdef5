"""How far a model's confidence can be trusted: the reliability diagram and the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True)
class Bin:
    """Images whose Top-1 probability lies in one bin: how many, their mean probability, share correct (fractions)."""

    images: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """Non-empty bins, lowest confidence first; ``error``: expected calibration error (fraction), None of nothing."""

    bins: tuple[Bin, ...]
    error: float | None


def calibrate(confidence: NDArray[np.floating], correct: NDArray[np.bool_]) -> Calibration:
    """Return reliability by 15 bins of equal width; an image of exactly a border belongs to the lower bin.

    Source: Guo, Pleiss, Sun, Weinberger (2017), On Calibration of Modern Neural Networks, equations 2 and 3.
    Raises ValueError where the two differ in length.
    """
    if len(confidence) != len(correct):
        raise ValueError(f"{len(confidence)} probabilities for {len(correct)} images")
    finite = np.isfinite(confidence)
    values, right = confidence[finite].astype(np.float64), correct[finite]
    if not len(values):
        return Calibration((), None)
    place = np.clip(np.ceil(values * BINS).astype(int) - 1, 0, BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    sums = np.bincount(place, weights=values, minlength=BINS)
    hits = np.bincount(place, weights=right, minlength=BINS)
    bins = tuple(
        Bin(int(n), float(total / n), float(hit / n)) for n, total, hit in zip(counts, sums, hits, strict=True) if n
    )
    return Calibration(bins, float(np.abs(hits - sums).sum() / len(values)))
