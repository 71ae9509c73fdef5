"""Whether a way of feeding takes back a part of a difference, where weights that changed leave another part.

With d what separates the candidate from the reference, and e what the other way of feeding changes in the candidate: if
that fault is there, d is e and what the weights do, so that the regression of d on e gives the factor 1. If it is not,
e has nothing to do with d. Both are differences of logarithms of probabilities, centred for each image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.diagnosis.readings import Rows

_SMALLEST = 1e-6  # of a probability; what is smaller says nothing
_NEAR = 0.25  # the factor may be off by that
_LEFT = 0.95  # of the squares, at most; weights that are far off gave 0.99 for a change that was not there
_SURE = 5.0  # standard errors between 0 and the factor, at least


@dataclass(frozen=True)
class Direction:
    """``factor`` and its ``error``, by the jackknife over images; ``left``: share of the squares of d that stays.

    ``closer``: images that come closer to the reference, of ``images``.
    """

    factor: float
    error: float
    left: float
    closer: int
    images: int

    @property
    def may_be(self) -> bool:
        """Whether few images leave it open that the fault is there."""
        return self.left < 1

    @property
    def _is_much(self) -> bool:
        """Whether it brings most images closer, and explains a share that chance does not explain."""
        return 2 * self.closer > self.images and self.left <= _LEFT

    @property
    def is_sure(self) -> bool:
        """Whether the fault is there beyond doubt."""
        return abs(self.factor - 1) <= _NEAR and self.factor >= _SURE * self.error and self._is_much


def direction(reference: Rows, before: Rows, after: Rows) -> Direction | None:
    """Return what comes of probabilities, float32 (n, classes) each; None if the way of feeding changes nothing."""
    wanted, fed, otherwise = (_logarithms(rows) for rows in (reference, before, after))
    apart, moved = fed - wanted, fed - otherwise
    both, alone = (apart * moved).sum(axis=1), (moved * moved).sum(axis=1)
    count = len(both)
    without = alone.sum() - alone
    if count < 2 or not (without > 0).all():
        return None
    factors = (both.sum() - both) / without
    squares = (apart * apart).sum(axis=1)
    rest = ((otherwise - wanted) ** 2).sum(axis=1)
    return Direction(
        float(both.sum() / alone.sum()),
        float(np.sqrt((count - 1) / count * ((factors - factors.mean()) ** 2).sum())),
        float(rest.sum() / squares.sum()) if squares.sum() > 0 else float("inf"),
        int((rest < squares).sum()),
        count,
    )


def _logarithms(rows: Rows) -> NDArray[np.float64]:
    logarithms = np.log(np.maximum(rows.astype(np.float64), _SMALLEST))
    return np.asarray(logarithms - logarithms.mean(axis=1, keepdims=True))
