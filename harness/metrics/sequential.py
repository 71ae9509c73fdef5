"""Anytime-valid tests for the sum of bounded values, drawn without replacement from a finite population.

Every image of a population of N has a difference in {-1, 0, 1}: correct in the reference minus correct in the
candidate. Images are drawn in random order; after each one, a gambler who bets against a claim on the population's sum
has a capital that, while the claim is true, is a non-negative supermartingale that starts at 1. By Ville's inequality
it *ever* reaches 1 / error with a probability of at most `error`: one may look after every image and stop at will.

Sources: I. Waudby-Smith and A. Ramdas (2020), "Confidence sequences for sampling without replacement", NeurIPS 33, for
the conditional mean of the next draw under a claim on the whole; the same authors (2024), "Estimating means of bounded
random variables by betting", J. R. Stat. Soc. B 86, 1-27, sections 4 and 5, for capital processes without replacement
and for mixing bets. docs/certification.md has the derivation and what was measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Differences = NDArray[np.int8]


class Wager(NamedTuple):
    """A constant share of the largest bet that cannot lead into debt, and the share of the capital put on it."""

    share: float
    weight: float


# Against "the drop is beyond the limit": most on large bets, which grow fastest while no image breaks. 0.99 and not 1,
# so that one broken image costs that part of the capital a factor of 100 instead of everything.
AGAINST_DROP = tuple(
    Wager(share, weight)
    for share, weight in zip(
        (0.99, 0.9, 0.7, 0.5, 0.3, 0.15, 0.07, 0.03, 0.015),
        (0.20, 0.20, 0.12, 0.10, 0.10, 0.08, 0.08, 0.06, 0.06),
        strict=True,
    )
)
# Against "the drop is within the limit": middling bets, which a drop of many pp shows soonest, though some images gain.
AGAINST_NO_DROP = tuple(
    Wager(share, weight)
    for share, weight in zip(
        (0.7, 0.5, 0.3, 0.15, 0.07, 0.03, 0.015),
        (0.20, 0.25, 0.20, 0.10, 0.10, 0.08, 0.07),
        strict=True,
    )
)


@dataclass
class SumTest:
    """A test of the claim "the sum of the whole population is at least ``claim``".

    ``population``: number of values, each in {-1, 0, 1}; ``error``: the largest probability with which a true claim is
    ever refuted, as a fraction. ``refuted_after``: how many values it took, None as long as the claim stands.
    A claim of the form "at most c" is tested by "at least -c" on the negated values.
    """

    population: int
    claim: int
    error: float
    wagers: Sequence[Wager]
    taken: int = 0
    total: int = 0
    refuted_after: int | None = None
    _log_parts: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        if self.population < 1:
            raise ValueError("a population of no value has no sum to test")
        if not 0 < self.error < 1:
            raise ValueError(f"an error rate of {self.error:g}: a fraction between 0 and 1 is expected")
        self._log_parts = np.log([wager.weight for wager in self.wagers])

    @property
    def log_capital(self) -> float:
        """The natural logarithm of the capital now; the claim is refuted once it reaches log(1 / error)."""
        return float(np.logaddexp.reduce(self._log_parts))

    def add(self, values: Differences) -> None:
        """Take the next values, int8 (n,), in the order drawn; any split into batches gives the same state.

        Raises ValueError for other values than -1, 0, 1, or more of them than the population has.
        """
        values = checked(values)
        if self.taken + len(values) > self.population:
            raise ValueError(f"{self.taken + len(values)} values from a population of {self.population}")
        if not len(values):
            return
        wide = values.astype(np.int64)
        after = self.total + np.cumsum(wide)
        left = self.population - self.taken - 1 - np.arange(len(wide))
        parts = self._grow(wide, after - wide, left + 1)
        if self.refuted_after is None:
            reached = np.logaddexp.reduce(parts, axis=0) >= -math.log(self.error)
            reached |= after + left < self.claim  # not even a 1 for every value left would reach the claim
            if reached.any():
                self.refuted_after = self.taken + int(np.argmax(reached)) + 1
        self._log_parts = parts[:, -1]
        self.taken += len(wide)
        self.total = int(after[-1])

    def _grow(
        self, values: NDArray[np.int64], before: NDArray[np.int64], left: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the logarithm of each wager's capital after each value, float64 (wagers, n).

        ``before``: sum of all earlier values; ``left``: values not yet drawn, this one among them.
        """
        mean = (self.claim - before) / left  # of the values not yet drawn, if the claim holds with equality
        # A share of the bet 1 / (1 - mean), the largest that a value of 1 does not turn into debt. The factor grows
        # with the claim, so that refuting equality refutes every larger sum as well. From a mean of 1 on there is
        # nothing to bet: only ones can be left.
        open_ = mean < 1
        odds = np.where(open_, (mean - values) / np.where(open_, 1 - mean, 1), 0)
        shares = np.array([wager.share for wager in self.wagers])
        steps = np.log1p(shares[:, None] * odds)
        return np.cumsum(np.column_stack([self._log_parts, steps]), axis=1)[:, 1:]


def checked(values: NDArray[np.integer]) -> Differences:
    """Return values as int8. Raises ValueError unless they are (n,) and each is -1, 0 or 1."""
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"differences of shape {values.shape} and type {values.dtype}, integers (n,) wanted")
    if len(values) and (values.min() < -1 or values.max() > 1):
        raise ValueError("a difference of two correctnesses is -1, 0 or 1")
    return values.astype(np.int8)


def largest_sum(values: Differences, population: int, error: float) -> int:
    """Return the upper confidence bound of the population's sum after these draws: the largest that was never refuted.

    It holds at all times together with the probability 1 - ``error``. ``values``: all draws so far, in their order.
    """
    values = checked(values)
    left, total = population - len(values), int(values.sum())
    low, high = total - left, total + left + 1  # `high` is out of the question, `low` is certain
    while high - low > 1:
        middle = (low + high) // 2
        test = SumTest(population, middle, error, AGAINST_DROP)
        test.add(values)
        low, high = (middle, high) if test.refuted_after is None else (low, middle)
    return low


def smallest_sum(values: Differences, population: int, error: float) -> int:
    """Return the lower confidence bound of the population's sum after these draws, see :func:`largest_sum`."""
    values = checked(values)
    left, total = population - len(values), int(values.sum())
    low, high = total - left - 1, total + left
    while high - low > 1:
        middle = (low + high) // 2
        test = SumTest(population, -middle, error, AGAINST_NO_DROP)
        test.add(np.negative(values))
        low, high = (low, middle) if test.refuted_after is None else (middle, high)
    return high


def random_order(images: int, seed: int) -> NDArray[np.int64]:
    """Return int64 (images,): the rows of a manifest in a seeded random order, the same on every machine.

    Rows are sorted by the raw 64-bit outputs of PCG64 seeded with ``seed``; equal ones keep their order. NumPy
    guarantees this raw stream permanently, unlike `Generator.permutation`, whose method may change with a version.
    Raises ValueError for a negative seed.
    """
    if seed < 0:
        raise ValueError("a seed is a whole number from 0")
    keys = np.random.PCG64(seed).random_raw(images)
    return np.argsort(keys, kind="stable").astype(np.int64)
