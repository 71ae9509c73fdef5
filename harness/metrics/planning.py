"""How many images settle which question, and what a given number of images can and cannot show."""

from __future__ import annotations

import math
from fractions import Fraction
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from harness.metrics.sequential import AGAINST_DROP, AGAINST_NO_DROP, SumTest, largest_sum
from harness.metrics.statistics import images_to_decide, paired_drop, wilson

LARGEST = 10_000_000
_STEP = 2048  # images drawn between two looks at whether a simulated run is over


class Needed(NamedTuple):
    """Images until a decision over simulated runs: their median, and what nine of ten runs stay within."""

    typical: int
    nine_of_ten: int


def images_to_certify(
    limit_pp: float,
    confidence: float,
    population: int,
    *,
    broken: float = 0.0,
    fixed: float = 0.0,
    runs: int = 21,
    seed: int = 0,
) -> Needed:
    """Return how many images a sequential certification takes to be decided, either way.

    ``broken``, ``fixed``: share of the population (fractions) that is correct in the reference only, and in the
    candidate only. Without any the answer is exact; otherwise ``runs`` simulated orders are drawn with ``seed``.
    Raises ValueError for a population beyond ten million, whose simulation would take minutes.
    """
    if population > LARGEST:
        raise ValueError(f"a population of {population} is too large; up to {LARGEST} are simulated")
    worse, better = round(broken * population), round(fixed * population)
    generator = np.random.default_rng(seed)
    taken = [
        _one_run(generator, worse, better, limit_pp, confidence, population)
        for _ in range(runs if worse + better else 1)
    ]
    typical, most = np.quantile(taken, [0.5, 0.9], method="higher")
    return Needed(int(typical), int(most))


def _one_run(
    generator: np.random.Generator, worse: int, better: int, limit_pp: float, confidence: float, population: int
) -> int:
    """Return how many images one random order takes; it is drawn only as far as it is needed."""
    error = float(1 - Fraction(repr(confidence)))
    most = math.floor(Fraction(repr(limit_pp)) * population / 100)
    beyond = SumTest(population, most + 1, error, AGAINST_DROP)
    within = SumTest(population, -most, error, AGAINST_NO_DROP)
    left = np.array([worse, better, population - worse - better])
    while beyond.taken < population:
        drawn = generator.multivariate_hypergeometric(left, min(_STEP, population - beyond.taken))
        left -= drawn
        values = generator.permutation(np.repeat(np.array([1, -1, 0], np.int8), drawn))
        beyond.add(values)
        within.add(np.negative(values))
        found = [test.refuted_after for test in (beyond, within) if test.refuted_after is not None]
        if found:
            return min(found)
    return population


def images_for_interval(limit_pp: float, confidence: float, population: int, discordant: float = 0.0) -> int | None:
    """Return how many images a subset needs so that the paired interval shows the drop to be within the limit.

    ``discordant``: share of images (a fraction) whose Top-1 correctness flips, as many broken as fixed.
    None: no subset is enough, the whole set decides by its exact counts.
    """
    z = z_of(confidence)
    if discordant <= 0:
        return images_to_decide(0, 0, 1, limit_pp / 100, population, z)
    return images_to_decide(1, 1, max(2, round(2 / discordant)), limit_pp / 100, population, z)


def images_to_see(share: float, confidence: float) -> int:
    """Return how many images show at least one of a kind that ``share`` of them (a fraction) belong to.

    1 - (1 - share)^n >= confidence, for draws at random. Raises ValueError unless 0 < share <= 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"a share of {share:g}: a fraction above 0 is expected")
    return 1 if share == 1 else math.ceil(math.log(1 - confidence) / math.log1p(-share))


def share_seen(images: int, confidence: float) -> float:
    """Return the smallest share (a fraction) of images of a kind of which ``images`` draws show at least one."""
    return float(1 - (1 - confidence) ** (1 / images))


class Power(NamedTuple):
    """What a random subset can show; all in pp but ``share_seen_percent``, which is in percent.

    ``share_seen_percent``: a fault is seen by parity if it shows on this share of images. ``interval_pp``: a drop
    beyond it is excluded by the paired interval, ``sequential_pp``: by a certification, both with no flip at all
    (``with_flips_pp``: the interval at the rate of flips that was given). ``fails_from_pp``: from this measured drop
    on, the drop gate fails (None: not even if every image breaks). ``accuracy_pp``: half the width of the interval of
    an accuracy of 72 %.
    """

    images: int
    share_seen_percent: float
    interval_pp: float
    with_flips_pp: float | None
    sequential_pp: float
    fails_from_pp: float | None
    accuracy_pp: float


def power(images: int, limit_pp: float, confidence: float, population: int, discordant: float | None = None) -> Power:
    """Return what ``images`` out of ``population`` can show about a drop of ``limit_pp``.

    Raises ValueError unless 0 < images <= population.
    """
    if not 0 < images <= population:
        raise ValueError(f"{images} images out of {population}")
    z, error = z_of(confidence), float(1 - Fraction(repr(confidence)))
    flips = None
    if discordant:
        each = round(discordant * images / 2)
        flips = 100 * paired_drop(each, each, images, z)[1]
    low, high = wilson(round(0.72 * images), images, z)
    return Power(
        images=images,
        share_seen_percent=100 * share_seen(images, confidence),
        interval_pp=100 * paired_drop(0, 0, images, z)[1],
        with_flips_pp=flips,
        sequential_pp=100 * largest_sum(np.zeros(images, np.int8), population, error) / population,
        fails_from_pp=_fails_from(images, limit_pp, z, discordant or 0.0),
        accuracy_pp=50 * (high - low),
    )


def _fails_from(images: int, limit_pp: float, z: float, discordant: float) -> float | None:
    """Return the smallest drop whose whole interval is beyond the limit, with fixed images at half the rate."""
    fixed = round(discordant * images / 2)

    def fails(broken: int) -> bool:
        return 100 * paired_drop(broken, fixed, images, z)[0] > limit_pp

    low, high = fixed, images - fixed
    if high <= low or not fails(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fails(middle) else (middle, high)
    return 100 * (high - fixed) / images


def z_of(confidence: float) -> float:
    """Return the standard normal's quantile of a two-sided interval. Raises ValueError unless 0 < confidence < 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence:g}: a fraction between 0 and 1 is expected")
    return NormalDist().inv_cdf((1 + confidence) / 2)
