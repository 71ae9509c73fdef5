"""Which of several contenders is best on the same images, and whether by a clear margin.

Every image gives each contender a score. Two contenders are compared by the mean of the paired differences of their
scores (Student's t). A contender that is clearly worse than the leader is dropped. The comparisons of one contender
with all others and all looks at the standing share one level of 5 % (Bonferroni), so the contender that is really the
best leaves, and another one is called clear, in at most one search of twenty (multiple comparisons with the best, J. C.
Hsu, 1984).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Scores = NDArray[np.float64]
LEVEL = 0.05  # of the whole race
FEWEST = 16  # images; the mean of fewer differences says little


@dataclass(frozen=True)
class Standing(Generic[T]):
    """The result of a race.

    ``chosen``: the leader, or of the leader and those ``close`` to it, which are not clearly behind, the contender that
    was named first; ``others``: all but the chosen one, the best first: those that left last, then by their scores.
    """

    leader: T
    chosen: T
    close: frozenset[T]
    others: tuple[T, ...]

    def is_clear(self, differs: Callable[[T], bool] = lambda _: True) -> bool:
        """Return whether all contenders that differ from the chosen one in some respect are clearly behind."""
        return not any(differs(each) for each in (self.leader, *self.close) if each != self.chosen)

    def runner_up(self, differs: Callable[[T], bool] = lambda _: True) -> T | None:
        """Return the best of those that differ from the chosen one in some respect; None if there is none."""
        return next((each for each in self.others if differs(each)), None)


def paired_p_value(differences: Scores) -> float:
    """Return the two-sided p-value of the mean of float64 (n,) differences being 0, by Student's t for pairs.

    Fewer differences than FEWEST give 1.
    """
    count = len(differences)
    if count < FEWEST:
        return 1.0
    mean, deviation = float(differences.mean()), float(differences.std(ddof=1))
    if deviation == 0.0:
        return 1.0 if mean == 0.0 else 0.0
    from scipy.special import stdtr

    return float(2 * stdtr(count - 1, -abs(mean) * math.sqrt(count) / deviation))


def race(contenders: Sequence[T], blocks: Sequence[range], score: Callable[[T, range], Scores]) -> Standing[T]:
    """Compare contenders on blocks of images; after each block, the clearly worse ones are dropped.

    ``contenders``: at least one, the most plausible first; ``score(contender, rows)``: float64 (len(rows),), more is
    better. Raises ValueError if there is no contender or no block.
    """
    if not contenders or not blocks:
        raise ValueError("a race needs a contender and a block of images")
    level = LEVEL / (max(1, len(contenders) - 1) * len(blocks))
    scores: dict[int, Scores] = {at: np.empty(0) for at in range(len(contenders))}
    running = list(scores)
    for block in blocks:
        for at in running:
            scores[at] = np.concatenate([scores[at], score(contenders[at], block)])
        leader = max(running, key=lambda at: (scores[at].mean(), -at))
        running = [at for at in running if at == leader or not _is_clear(scores[leader], scores[at], level)]
        if len(running) == 1:
            break
    behind = {at: float((scores[leader][: len(own)] - own).mean()) for at, own in scores.items()}
    ordered = sorted(scores, key=lambda at: (at not in running, -len(scores[at]), behind[at], at))
    chosen = min(running)
    return Standing(
        contenders[leader],
        contenders[chosen],
        frozenset(contenders[at] for at in running if at != leader),
        tuple(contenders[at] for at in ordered if at != chosen),
    )


def _is_clear(leader: Scores, other: Scores, level: float) -> bool:
    differences = leader - other
    return float(differences.mean()) > 0 and paired_p_value(differences) < level
