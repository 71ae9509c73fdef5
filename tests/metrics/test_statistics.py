"""Intervals and tests against scipy, against a brute-force search, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.metrics.statistics import Z95, images_to_decide, mcnemar_exact, median_interval, paired_drop, wilson


def test_z() -> None:
    assert scipy.stats.norm.ppf(0.975) == pytest.approx(Z95, abs=1e-15)


class TestWilson:
    @given(st.integers(1, 100_000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
    def test_scipy(self, counts: tuple[int, int]) -> None:
        correct, total = counts
        expected = scipy.stats.binomtest(correct, total).proportion_ci(0.95, method="wilson")
        assert wilson(correct, total) == pytest.approx((expected.low, expected.high), abs=1e-12)

    def test_a_published_case(self) -> None:
        # Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3: 81 of 263 and 0 of 20.
        assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
        assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)

    @pytest.mark.parametrize("total", [1, 7, 50_000])
    def test_the_ends_are_exact(self, total: int) -> None:
        assert wilson(0, total)[0] == 0.0
        assert wilson(total, total)[1] == 1.0

    @pytest.mark.parametrize(("correct", "total"), [(0, 0), (1, 0), (-1, 5), (6, 5), (0, -1)])
    def test_no_proportion(self, correct: int, total: int) -> None:
        with pytest.raises(ValueError, match="is not a proportion"):
            wilson(correct, total)

    @pytest.mark.parametrize("total", [64, 650, 5000])
    @pytest.mark.parametrize("share", [0.02, 0.5, 0.7185, 0.9069, 0.99])
    def test_it_covers_the_truth(self, share: float, total: int) -> None:
        # 95 % is asked for; at one share a discrete sample gives a little more or less, most of all near 0 and 1. The
        # simulation is held against the exact sum over all counts.
        low, high = np.array([wilson(correct, total) for correct in range(total + 1)]).T
        inside = (low <= share) & (share <= high)
        exact = float(scipy.stats.binom.pmf(np.arange(total + 1), total, share)[inside].sum())
        drawn = np.random.default_rng(1927).binomial(total, share, 20_000)
        simulated = float(inside[drawn].mean())
        assert simulated == pytest.approx(exact, abs=0.01)
        assert 0.92 <= simulated <= 0.985


class TestMcNemar:
    @given(st.integers(0, 3000), st.integers(0, 3000))
    def test_scipy(self, broken: int, fixed: int) -> None:
        expected = scipy.stats.binomtest(broken, broken + fixed, 0.5).pvalue if broken + fixed else 1.0
        assert mcnemar_exact(broken, fixed) == pytest.approx(expected, rel=1e-9)

    def test_by_hand(self) -> None:
        assert mcnemar_exact(0, 0) == 1.0
        assert mcnemar_exact(5, 0) == pytest.approx(2 / 32)
        assert mcnemar_exact(1, 3) == pytest.approx(2 * (1 + 4) / 16)
        assert mcnemar_exact(2, 2) == 1.0

    def test_negative(self) -> None:
        with pytest.raises(ValueError, match="negative"):
            mcnemar_exact(-1, 3)


def likelihood_score(broken: int, fixed: int, total: int, d: float) -> float:
    """Return the score statistic for "the drop is d" with the nuisance parameter found by a numerical search."""
    same = total - broken - fixed

    def minus_log_likelihood(q: float) -> float:  # P(fixed) = q, P(broken) = q + d, P(same) = 1 - 2 q - d
        terms = ((broken, q + d), (fixed, q), (same, 1 - 2 * q - d))
        return -sum(count * math.log(max(p, 1e-300)) for count, p in terms if count)

    low, high = max(0.0, -d), (1 - d) / 2
    found = scipy.optimize.minimize_scalar(
        minus_log_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-13}
    )
    q = min((low, high, float(found.x)), key=minus_log_likelihood)
    variance = (2 * q + d - d * d) / total
    return ((broken - fixed) / total - d) / math.sqrt(variance)


def searched_interval(broken: int, fixed: int, total: int) -> tuple[float, float]:
    estimate, edge = (broken - fixed) / total, 1 - 1e-9

    def root(level: float, low: float, high: float) -> float:
        return float(
            scipy.optimize.brentq(
                lambda d: likelihood_score(broken, fixed, total, d) - level, low, high, xtol=1e-10, maxiter=500
            )
        )

    gap = 1e-9
    low = -1.0 if estimate <= -edge else root(Z95, -edge, estimate - gap)
    high = 1.0 if estimate >= edge else root(-Z95, estimate + gap, edge)
    return low, high


class TestPairedDrop:
    @pytest.mark.parametrize(
        ("broken", "fixed", "total"),
        [(0, 0, 10), (1, 0, 10), (0, 1, 10), (3, 1, 20), (12, 2, 44), (9, 10, 50), (4, 3, 650), (16, 0, 650), (0, 9, 9),
         (7, 0, 7), (60, 30, 50_000), (1, 1, 2), (5, 5, 10)],
    )  # fmt: skip
    def test_a_numerical_search_finds_the_same(self, broken: int, fixed: int, total: int) -> None:
        assert paired_drop(broken, fixed, total) == pytest.approx(searched_interval(broken, fixed, total), abs=2e-6)

    @settings(max_examples=60, deadline=None)
    @given(st.integers(2, 400).flatmap(
        lambda n: st.integers(0, n).flatmap(lambda b: st.tuples(st.just(b), st.integers(0, n - b), st.just(n)))
    ))  # fmt: skip
    def test_a_numerical_search_finds_the_same_anywhere(self, counts: tuple[int, int, int]) -> None:
        assert paired_drop(*counts) == pytest.approx(searched_interval(*counts), abs=2e-5)

    @pytest.mark.parametrize("total", [1, 10, 64, 650, 50_000])
    def test_without_a_flip(self, total: int) -> None:
        # With no discordant pair the statistic is sqrt(n d / (1 - d)), which is z at d = z^2 / (n + z^2).
        half = Z95**2 / (total + Z95**2)
        assert paired_drop(0, 0, total) == pytest.approx((-half, half), abs=1e-11)

    @given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 5000))
    def test_it_holds_the_estimate_and_mirrors(self, broken: int, fixed: int, same: int) -> None:
        total = max(broken + fixed + same, 1)
        low, high = paired_drop(broken, fixed, total)
        assert -1 <= low <= (broken - fixed) / total <= high <= 1
        assert paired_drop(fixed, broken, total) == pytest.approx((-high, -low), abs=1e-10)

    def test_all_flipped(self) -> None:
        assert paired_drop(5, 0, 5)[1] == 1.0
        assert paired_drop(0, 5, 5)[0] == -1.0

    @pytest.mark.parametrize("counts", [(0, 0, 0), (-1, 0, 5), (0, -1, 5), (3, 3, 5), (1, 0, -5)])
    def test_no_paired_sample(self, counts: tuple[int, int, int]) -> None:
        with pytest.raises(ValueError, match="no paired sample"):
            paired_drop(*counts)
        with pytest.raises(ValueError, match="no paired sample"):
            images_to_decide(*counts, 0.001, 100)

    @pytest.mark.parametrize("total", [64, 650])
    @pytest.mark.parametrize(("p_broken", "p_fixed"), [(0.0, 0.0), (0.02, 0.02), (0.03, 0.01), (0.05, 0.0), (0.2, 0.1)])
    def test_it_covers_the_truth(self, total: int, p_broken: float, p_fixed: float) -> None:
        # 95 % is asked for; a discrete sample gives a little more or less. 3000 draws tell 0.93 from 0.95 surely.
        rng = np.random.default_rng(1998)
        draws = rng.multinomial(total, [p_broken, p_fixed, 1 - p_broken - p_fixed], 3000)
        pairs, counts = np.unique(draws[:, :2], axis=0, return_counts=True)
        inside = 0
        for (broken, fixed), count in zip(pairs.tolist(), counts.tolist(), strict=True):
            low, high = paired_drop(broken, fixed, total)
            inside += count if low <= p_broken - p_fixed <= high else 0
        assert inside / 3000 >= 0.93


class TestImagesToDecide:
    def test_without_a_flip_by_hand(self) -> None:
        # The interval ends at z^2 / (n + z^2) <= 0.001, so n >= z^2 * 999 = 3837.6.
        assert images_to_decide(0, 0, 650, 0.001, 50_000) == math.ceil(Z95**2 * 999) == 3838

    def test_the_whole_set_is_not_enough(self) -> None:
        assert images_to_decide(0, 0, 650, 0.0, 50_000) is None
        assert images_to_decide(0, 0, 650, 0.001, 3837) is None
        assert images_to_decide(0, 0, 650, 0.001, 3838) == 3838

    def test_nothing_left_to_see(self) -> None:
        assert images_to_decide(0, 0, 650, 0.001, 650) is None
        assert images_to_decide(0, 0, 650, 0.001, 600) is None

    @settings(max_examples=60, deadline=None)
    @given(st.integers(1, 300).flatmap(
        lambda n: st.integers(0, n).flatmap(lambda b: st.tuples(st.just(b), st.integers(0, n - b), st.just(n)))
    ), st.floats(0, 0.05), st.integers(1, 4))  # fmt: skip
    def test_at_that_many_images_the_interval_decides(
        self, counts: tuple[int, int, int], limit: float, factor: int
    ) -> None:
        broken, fixed, total = counts
        images = images_to_decide(broken, fixed, total, limit, 100_000)
        low, high = paired_drop(broken, fixed, total)
        if low <= limit < high and images is not None:
            assert total < images <= 100_000
            times = math.ceil(images / total) * factor  # whole multiples of the sample, at least as many images
            low, high = paired_drop(broken * times, fixed * times, total * times)
            assert high <= limit or low > limit

    def test_counts_that_round_up_together(self) -> None:
        # 1.5 and 1.5 of 3 both round to 2, which is more than there are.
        assert images_to_decide(1, 1, 2, 0.5, 3) is None
        assert images_to_decide(1, 1, 2, 0.4, 1000) is not None


class TestMedianInterval:
    @pytest.mark.parametrize("count", [6, 7, 8, 9, 15, 16, 40, 101])
    def test_it_holds_the_median_with_95_percent_and_is_the_narrowest_that_does(self, count: int) -> None:
        """Of the ranks 1..n as values, the ends are ranks; scipy says how often the median lies between them."""
        middle, low, high = median_interval([float(rank) for rank in range(1, count + 1)])
        assert middle == np.median(np.arange(1, count + 1))
        assert low + high == count + 1
        half = scipy.stats.binom(count, 0.5)
        assert 1 - 2 * half.cdf(low - 1) >= 0.95
        assert 1 - 2 * half.cdf(low) < 0.95

    def test_the_order_of_the_values_does_not_matter(self) -> None:
        assert median_interval([9, 1, 8, 2, 7, 3, 6, 4, 5]) == (5, 2, 8)

    @pytest.mark.parametrize("count", range(6))
    def test_too_few_values(self, count: int) -> None:
        with pytest.raises(ValueError, match="too few"):
            median_interval([1.0] * count)
