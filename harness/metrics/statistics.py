"""Intervals and tests for counts of correct images. All proportions are fractions; intervals are two-sided 95 %."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Z95 = 1.959963984540054  # the standard normal's 97.5 % quantile


def wilson(correct: int, total: int, z: float = Z95) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion as fractions.

    Source: E. B. Wilson (1927), J. Am. Stat. Assoc. 22, 209-212. Raises ValueError unless 0 <= correct <= total > 0.
    """
    _check_count(correct, total)
    share = correct / total
    denominator = 1 + z * z / total
    centre = (share + z * z / (2 * total)) / denominator
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / denominator
    low = 0.0 if correct == 0 else centre - half
    high = 1.0 if correct == total else centre + half
    return low, high


def above_share(correct: int, total: int, share: float) -> float:
    """Return the exact one-sided binomial p-value of "the true proportion is at most ``share``" (a fraction).

    It is the probability of ``correct`` or more of ``total``. Raises ValueError unless 0 <= correct <= total > 0.
    """
    _check_count(correct, total)
    from scipy.special import bdtrc

    return 1.0 if correct == 0 else float(bdtrc(correct - 1, total, share))


def below_share(correct: int, total: int, share: float) -> float:
    """Return the exact one-sided binomial p-value of "the true proportion is at least ``share``" (a fraction).

    It is the probability of ``correct`` or fewer of ``total``. Raises ValueError unless 0 <= correct <= total > 0.
    """
    _check_count(correct, total)
    from scipy.special import bdtr

    return float(bdtr(correct, total, share))


def is_above(correct: int, total: int, share: float, significance: float) -> bool:
    """Return whether the exact test rejects "the true proportion is at most ``share``" (a fraction).

    scipy takes a quarter of a second to import, so it is asked only where Chernoff's bound of that probability,
    exp(-total * divergence), does not decide by itself. Raises ValueError unless 0 <= correct <= total > 0.
    """
    _check_count(correct, total)
    if 0 < share < correct / total and _chernoff(correct, total, share) < significance / 2:
        return True
    return above_share(correct, total, share) <= significance


def is_below(correct: int, total: int, share: float, significance: float) -> bool:
    """Return whether the exact test rejects "the true proportion is at least ``share``" (a fraction).

    ``significance`` below 1/2: a count at or above its mean is at or above the median, too, and nothing is rejected.
    Raises ValueError unless 0 <= correct <= total > 0.
    """
    _check_count(correct, total)
    if significance < 0.5 and correct >= total * share + 1:
        return False
    return below_share(correct, total, share) <= significance


def _chernoff(correct: int, total: int, share: float) -> float:
    """Return an upper bound of the probability of ``correct`` or more of ``total``, for a ``share`` below theirs.

    Source: H. Chernoff (1952), Annals of Mathematical Statistics 23, 493-507.
    """
    found = correct / total
    divergence = found * math.log(found / share)
    if found < 1:
        divergence += (1 - found) * math.log((1 - found) / (1 - share))
    return math.exp(-total * divergence)


def _check_count(correct: int, total: int) -> None:
    if total <= 0 or not 0 <= correct <= total:
        raise ValueError(f"{correct} correct of {total} is not a proportion")


def mcnemar_exact(broken: int, fixed: int) -> float:
    """Return the exact two-sided McNemar p-value of discordant pairs: a binomial test against 1/2; 1.0 without any.

    Source: Q. McNemar (1947), Psychometrika 12, 153-157; the exact form is the sign test. Raises ValueError below 0.
    """
    if broken < 0 or fixed < 0:
        raise ValueError("counts of flips cannot be negative")
    if broken + fixed == 0:
        return 1.0
    from scipy.special import bdtr

    return min(1.0, 2.0 * float(bdtr(min(broken, fixed), broken + fixed, 0.5)))


def paired_drop(broken: int, fixed: int, total: int, z: float = Z95) -> tuple[float, float]:
    """Return the score interval of the drop ``(broken - fixed) / total`` of paired proportions, as fractions.

    ``broken``: correct in the reference only; ``fixed``: correct in the candidate only; ``total``: all pairs.
    Source: T. Tango (1998), Statistics in Medicine 17, 891-908: all values d that the score test of "the drop is d"
    does not reject. It needs no continuity correction, stays within [-1, 1] and is informative without any flip.
    Raises ValueError unless broken + fixed <= total > 0.
    """
    _check_paired(broken, fixed, total)
    return _tango_interval(broken, fixed, total, z)


def _check_paired(broken: int, fixed: int, total: int) -> None:
    if total <= 0 or min(broken, fixed) < 0 or broken + fixed > total:
        raise ValueError(f"{broken} broken and {fixed} fixed of {total}: no paired sample")


def _tango_interval(broken: float, fixed: float, total: float, z: float) -> tuple[float, float]:
    """Invert the score test; the counts may be fractions, as expected counts are."""
    estimate = (broken - fixed) / total

    def score(d: float) -> float:
        return _tango_score(broken, fixed, total, d)

    low = -1.0 if score(-1.0) <= z else _bisect(lambda d: score(d) - z, -1.0, estimate)
    high = 1.0 if score(1.0) >= -z else _bisect(lambda d: score(d) + z, estimate, 1.0)
    return low, high


def _tango_score(broken: float, fixed: float, total: float, d: float) -> float:
    """Return the score statistic of the hypothesis "the drop is d"; it falls as d grows."""
    # With q the nuisance probability of `fixed` under the constraint broken = fixed + d: 2 n q^2 + b q + c = 0.
    b = -broken - fixed + (2 * total - broken + fixed) * d
    c = -fixed * d * (1 - d)
    root = math.sqrt(max(b * b - 8 * total * c, 0.0))
    q = max((root - b) / (4 * total), 0.0)
    variance = total * (2 * q + d * (1 - d))
    deviation = broken - fixed - total * d
    if variance <= 0:
        return math.copysign(math.inf, deviation) if abs(deviation) > 1e-12 * total else 0.0
    return deviation / math.sqrt(variance)


def _bisect(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the root of a falling function between ``low`` (positive) and ``high`` (negative), to 1e-12."""
    while high - low > 1e-12:
        middle = (low + high) / 2
        if function(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def images_to_decide(broken: int, fixed: int, total: int, limit: float, most: int, z: float = Z95) -> int | None:
    """Return how many images would decide "is the drop within ``limit``?" if flips went on at the rate seen.

    ``limit`` is a fraction, ``most`` the size of the whole set. None: the whole set is needed (there the exact counts
    decide). Searched by bisection with the counts scaled up, because the interval narrows with the sample.
    Raises ValueError unless broken + fixed <= total > 0.
    """
    _check_paired(broken, fixed, total)

    def decided(images: int) -> bool:
        ratio = images / total
        low, high = _tango_interval(broken * ratio, fixed * ratio, images, z)
        return high <= limit or low > limit

    low, high = total, most
    if high <= low or not decided(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if decided(middle):
            high = middle
        else:
            low = middle
    return high


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the median of a sample and the order statistics that hold the true one with at least 95 %.

    Both lie equally far from the ends: rank r with 2 P(X < r) <= 5 %, X binomial with 1/2. Source: H. A. David, H. N.
    Nagaraja (2003), Order Statistics, section 7.1. Raises ValueError for fewer than six values, of which not even the
    extremes do.
    """
    ordered, count = sorted(values), len(values)
    if count < 6:
        raise ValueError(f"{count} values are too few for an interval of their median")
    below, rank = 0, 0
    while 40 * (below + math.comb(count, rank)) <= 2**count:
        below += math.comb(count, rank)
        rank += 1
    middle = (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    return middle, ordered[rank - 1], ordered[count - rank]
