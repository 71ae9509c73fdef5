"""Expected values: by hand, by enumerating every order of a small population, from scipy, and by simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from harness.metrics.sequential import (
    AGAINST_DROP,
    AGAINST_NO_DROP,
    Differences,
    SumTest,
    Wager,
    largest_sum,
    random_order,
    smallest_sum,
)

BOTH = pytest.mark.parametrize("wagers", [AGAINST_DROP, AGAINST_NO_DROP], ids=["drop", "no drop"])


def values(*numbers: int) -> Differences:
    return np.array(numbers, np.int8)


def population(broken: int, fixed: int, size: int) -> Differences:
    return np.repeat(np.array([1, -1, 0], np.int8), [broken, fixed, size - broken - fixed])


def test_hand_worked() -> None:
    # Four values, the claim "their sum is at least 1", one wager of half the largest bet. Of the four the mean is 1/4:
    # a 0 pays 1 + 0.5 * (1/4) / (3/4) = 7/6. Of the other three it is 1/3: a -1 pays 1 + 0.5 * (4/3) / (2/3) = 2.
    test = SumTest(4, 1, 0.05, [Wager(0.5, 1.0)])
    test.add(values(0))
    assert math.exp(test.log_capital) == pytest.approx(7 / 6)
    test.add(values(-1))
    assert math.exp(test.log_capital) == pytest.approx(7 / 3)
    assert test.refuted_after is None  # two ones would still make it 1
    test.add(values(0))
    assert test.refuted_after == 3  # now nothing would
    assert (test.taken, test.total) == (3, -1)


def test_a_broken_image_costs_what_was_bet() -> None:
    # A 1 pays 1 - share, whatever the mean: 1 + s (m - 1) / (1 - m).
    test = SumTest(50, 3, 0.05, [Wager(0.5, 0.25), Wager(0.9, 0.75)])
    test.add(values(1))
    assert math.exp(test.log_capital) == pytest.approx(0.25 * 0.5 + 0.75 * 0.1)


@pytest.mark.parametrize(("size", "claim", "taken"), [(50_000, 51, 2_900), (1_000, 2, 700), (20, 20, 1)])
def test_the_largest_bet_without_any_flip_is_the_hypergeometric_test(size: int, claim: int, taken: int) -> None:
    test = SumTest(size, claim, 1e-9, [Wager(1.0, 1.0)])
    test.add(np.zeros(taken - 1, np.int8))
    none_broken = float(hypergeom.logpmf(0, size, claim, taken - 1))  # of `claim` broken images, none among the drawn
    assert test.log_capital == pytest.approx(-none_broken, rel=1e-7, abs=1e-9)


@BOTH
@pytest.mark.parametrize(("broken", "fixed", "size"), [(1, 0, 6), (2, 1, 6), (0, 2, 7), (3, 2, 7), (4, 4, 8)])
def test_the_mean_capital_over_every_order_is_one(
    wagers: tuple[Wager, ...], broken: int, fixed: int, size: int
) -> None:
    orders = sorted(set(itertools.permutations(population(broken, fixed, size).tolist())))
    for taken in range(1, size):
        capitals = []
        for order in orders:
            test = SumTest(size, broken - fixed, 1e-12, wagers)
            test.add(values(*order[:taken]))
            capitals.append(math.exp(test.log_capital))
        assert np.mean(capitals) == pytest.approx(1, abs=1e-9)


@BOTH
@pytest.mark.parametrize("error", [0.05, 0.3])
@pytest.mark.parametrize(("broken", "fixed", "size"), [(1, 0, 8), (2, 1, 8), (3, 0, 8), (2, 4, 8), (5, 3, 8)])
def test_over_every_order_a_true_claim_is_refuted_no_more_often_than_promised(
    wagers: tuple[Wager, ...], error: float, broken: int, fixed: int, size: int
) -> None:
    orders = sorted(set(itertools.permutations(population(broken, fixed, size).tolist())))
    for claim in (broken - fixed, broken - fixed - 1):
        refuted = 0
        for order in orders:
            test = SumTest(size, claim, error, wagers)
            test.add(values(*order))
            refuted += test.refuted_after is not None
        assert refuted / len(orders) <= error


@pytest.mark.parametrize(
    ("broken", "fixed", "size"), [(21, 0, 2000), (71, 50, 2000), (421, 400, 2000), (2, 0, 100), (32, 30, 100)]
)
def test_at_the_limit_a_simulation_keeps_the_promise(broken: int, fixed: int, size: int) -> None:
    """The drop is the smallest beyond a limit of 1 pp, then the largest within: 2,000 random orders each."""
    generator = np.random.default_rng(20)
    drawn = population(broken, fixed, size)
    certified = rejected = 0
    for _ in range(2000):
        order = generator.permutation(drawn)
        beyond = SumTest(size, broken - fixed, 0.05, AGAINST_DROP)
        beyond.add(order)
        certified += beyond.refuted_after is not None
        within = SumTest(size, fixed - broken, 0.05, AGAINST_NO_DROP)
        within.add(np.negative(order))
        rejected += within.refuted_after is not None
    assert certified <= 100
    assert rejected <= 100
    assert certified + rejected > 0  # the tests can err, as they may: the promise is not kept by never deciding


@settings(max_examples=60, deadline=None)
@given(
    drawn=st.lists(st.sampled_from([-1, 0, 0, 0, 1]), min_size=1, max_size=120),
    cuts=st.lists(st.integers(0, 120), max_size=5),
    more=st.integers(0, 30),
    claim=st.integers(-20, 20),
)
def test_any_split_into_batches_gives_the_same_state(drawn: list[int], cuts: list[int], more: int, claim: int) -> None:
    whole = SumTest(len(drawn) + more, claim, 0.2, AGAINST_DROP)
    whole.add(values(*drawn))
    split = SumTest(len(drawn) + more, claim, 0.2, AGAINST_DROP)
    edges = [0, *sorted(min(cut, len(drawn)) for cut in cuts), len(drawn)]
    for start, stop in itertools.pairwise(edges):
        split.add(values(*drawn[start:stop]))
    assert (split.refuted_after, split.taken, split.total) == (whole.refuted_after, whole.taken, whole.total)
    assert split.log_capital == pytest.approx(whole.log_capital, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(drawn=st.lists(st.sampled_from([-1, 0, 0, 1]), min_size=1, max_size=60), more=st.integers(0, 60))
def test_refuting_a_claim_refutes_every_larger_one(drawn: list[int], more: int) -> None:
    size = len(drawn) + more
    refuted = []
    for claim in range(-size, size + 2):
        test = SumTest(size, claim, 0.3, AGAINST_DROP)
        test.add(values(*drawn))
        refuted.append(test.refuted_after is not None)
    assert refuted == sorted(refuted)
    assert refuted[-1]  # the sum cannot be larger than the population
    top = largest_sum(values(*drawn), size, 0.3)
    beyond = [claim for claim, wrong in zip(range(-size, size + 2), refuted, strict=True) if wrong]
    assert top == max(min(beyond) - 1, sum(drawn) - more)


def test_bounds_cover_the_sum_at_all_times_together() -> None:
    generator = np.random.default_rng(3)
    drawn = population(40, 15, 300)
    missed_above = missed_below = 0
    for _ in range(200):
        order = generator.permutation(drawn)
        stops = range(20, 301, 40)
        missed_above += any(largest_sum(order[:stop], 300, 0.05) < 25 for stop in stops)
        missed_below += any(smallest_sum(order[:stop], 300, 0.05) > 25 for stop in stops)
    assert missed_above <= 10
    assert missed_below <= 10


def test_bounds_close_as_the_population_is_used_up() -> None:
    drawn = values(1, 0, -1, 1, 0, 0)
    assert (smallest_sum(drawn, 6, 0.05), largest_sum(drawn, 6, 0.05)) == (1, 1)
    assert smallest_sum(drawn, 7, 0.05) >= 0
    assert largest_sum(drawn, 7, 0.05) <= 2
    none = values()
    assert (smallest_sum(none, 5, 0.05), largest_sum(none, 5, 0.05)) == (-5, 5)


@BOTH
def test_wagers_are_shares_that_add_up(wagers: tuple[Wager, ...]) -> None:
    assert sum(wager.weight for wager in wagers) == pytest.approx(1)
    assert all(0 < wager.share < 1 and wager.weight > 0 for wager in wagers)


def test_what_is_no_difference_is_refused() -> None:
    test = SumTest(3, 1, 0.05, AGAINST_DROP)
    with pytest.raises(ValueError, match="-1, 0 or 1"):
        test.add(np.array([2], np.int8))
    with pytest.raises(ValueError, match="integers"):
        test.add(np.array([0.5]))
    with pytest.raises(ValueError, match="4 values from a population of 3"):
        test.add(values(0, 0, 0, 0))
    with pytest.raises(ValueError, match="no value"):
        SumTest(0, 1, 0.05, AGAINST_DROP)
    with pytest.raises(ValueError, match="error rate"):
        SumTest(3, 1, 0.0, AGAINST_DROP)


def test_unsigned_values_do_not_wrap_around() -> None:
    test = SumTest(3, 1, 0.05, AGAINST_DROP)
    with pytest.raises(ValueError, match="-1, 0 or 1"):
        test.add(np.array([255], np.uint8))


def test_random_order_is_a_permutation_that_the_seed_fixes() -> None:
    order = random_order(50_000, 0)
    assert sorted(order.tolist()) == list(range(50_000))
    assert (random_order(50_000, 0) == order).all()
    assert (random_order(50_000, 1) != order).any()
    assert random_order(0, 0).tolist() == []
    with pytest.raises(ValueError, match="from 0"):
        random_order(3, -1)


def test_random_order_is_the_documented_one() -> None:
    # PCG64 (XSL-RR 128/64) with NumPy's SeedSequence(7), written out here from its definition.
    words = [int(word) for word in np.random.SeedSequence(7).generate_state(4, np.uint64)]
    mask, multiplier = (1 << 128) - 1, 0x2360ED051FC65DA44385DF649FCCF645
    start, increment = words[0] << 64 | words[1], ((words[2] << 64 | words[3]) << 1 | 1) & mask
    state = ((start + increment) * multiplier + increment) & mask
    keys = []
    for _ in range(9):
        state = (state * multiplier + increment) & mask
        word, turn = (state >> 64) ^ (state & (1 << 64) - 1), state >> 122
        keys.append((word >> turn | word << (-turn & 63)) & (1 << 64) - 1)
    assert random_order(9, 7).tolist() == sorted(range(9), key=keys.__getitem__)
