"""Rows of one model: scoring, differences, bad images, and merging in any split and order."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.metrics.outcome import Outcome, absolute_difference, as_decimal, empty_outcome, score, with_bad_rows

Floats = NDArray[np.float32]
RNG = np.random.default_rng(3)
REFERENCE = RNG.dirichlet(np.ones(9), 40).astype(np.float32)
CANDIDATE = RNG.dirichlet(np.ones(9), 40).astype(np.float32)
LABELS = RNG.integers(0, 9, 40).astype(np.int32)


def assert_same(one: Outcome, other: Outcome) -> None:
    for name, array in one.columns().items():
        np.testing.assert_array_equal(array, other.columns()[name], name, strict=True)


def test_score_by_hand() -> None:
    probabilities = np.array([[0.1, 0.6, 0.3], [0.5, 0.25, 0.25]], np.float32)
    reference = np.array([[0.2, 0.6, 0.2], [0.5, 0.5, 0.0]], np.float32)
    outcome = score(probabilities, np.array([2, 1], np.int32), reference)
    assert outcome.top1.tolist() == [1, 0]
    assert outcome.top5.tolist() == [[1, 2, 0, -1, -1], [0, 1, 2, -1, -1]]
    np.testing.assert_array_equal(outcome.top5_probabilities[0], np.array([0.6, 0.3, 0.1, 0, 0], np.float32))
    np.testing.assert_array_equal(outcome.probability_of_label, np.array([0.3, 0.25], np.float32))
    np.testing.assert_array_equal(outcome.top1_probability, np.array([0.6, 0.5], np.float32))
    assert outcome.rank_of_label.tolist() == [2, 2]
    np.testing.assert_allclose(outcome.max_abs_diff, [0.1, 0.25], rtol=1e-6)
    np.testing.assert_allclose(outcome.mean_abs_diff, [0.2 / 3, 0.5 / 3], rtol=1e-6)
    assert len(outcome) == 2
    assert not outcome.is_bad.any()


def test_types_of_the_columns() -> None:
    outcome = score(CANDIDATE, LABELS, REFERENCE)
    assert {name: (array.dtype.name, array.shape) for name, array in outcome.columns().items()} == {
        "top1": ("int32", (40,)),
        "top5": ("int32", (40, 5)),
        "top5_probabilities": ("float32", (40, 5)),
        "probability_of_label": ("float32", (40,)),
        "top1_probability": ("float32", (40,)),
        "rank_of_label": ("int32", (40,)),
        "max_abs_diff": ("float32", (40,)),
        "mean_abs_diff": ("float64", (40,)),
    }


def test_the_reference_differs_from_itself_by_nothing() -> None:
    alone, itself = score(REFERENCE, LABELS), score(REFERENCE, LABELS, REFERENCE)
    assert_same(alone, itself)
    assert not alone.max_abs_diff.any()


def test_differences_against_double_precision() -> None:
    largest, mean = absolute_difference(CANDIDATE, REFERENCE)
    expected = np.abs(CANDIDATE.astype(np.float64) - REFERENCE.astype(np.float64))
    np.testing.assert_allclose(largest, expected.max(axis=1), rtol=1e-6)
    np.testing.assert_allclose(mean, expected.mean(axis=1), rtol=1e-6)


@pytest.mark.parametrize("shape", [(39, 9), (40, 8), (1, 9), (40, 1)])
def test_other_shapes_are_refused(shape: tuple[int, int]) -> None:
    # Neither cut to the shorter one, nor spread over the longer one as numpy would.
    with pytest.raises(ValueError, match="against"):
        score(CANDIDATE, LABELS, np.ones(shape, np.float32))


def test_unsigned_probabilities_are_refused() -> None:
    with pytest.raises(ValueError, match="floating-point"):
        absolute_difference(np.array([[1]], np.uint8), np.array([[2]], np.uint8))


@pytest.mark.parametrize("labels", [LABELS[:-1], np.append(LABELS, np.int32(0)), LABELS + 9, LABELS - 9])
def test_labels_that_do_not_fit_are_refused(labels: NDArray[np.int32]) -> None:
    with pytest.raises(ValueError, match="label"):
        score(CANDIDATE, labels)


def test_nan_is_refused() -> None:
    broken = CANDIDATE.copy()
    broken[3, 4] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        score(broken, LABELS)


@given(st.lists(st.integers(0, 40), max_size=6))
def test_any_split_joins_to_the_whole(cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), 40]
    parts = [
        score(CANDIDATE[start:stop], LABELS[start:stop], REFERENCE[start:stop])
        for start, stop in itertools.pairwise(bounds)
    ]
    assert_same(Outcome.concatenate(parts), score(CANDIDATE, LABELS, REFERENCE))


@given(st.permutations(range(40)))
def test_rows_do_not_depend_on_their_neighbours(order: list[int]) -> None:
    rows = np.array(order)
    shuffled = score(CANDIDATE[rows], LABELS[rows], REFERENCE[rows])
    back = np.argsort(rows)
    whole = score(CANDIDATE, LABELS, REFERENCE)
    assert_same(Outcome.from_columns({name: array[back] for name, array in shuffled.columns().items()}), whole)


@given(st.lists(st.booleans(), min_size=1, max_size=20))
def test_bad_rows_are_wrong_and_the_others_stay(good: list[bool]) -> None:
    mask = np.array(good)
    count = int(mask.sum())
    outcome = score(CANDIDATE[:count], LABELS[:count], REFERENCE[:count])
    spread = with_bad_rows(outcome, mask)
    assert len(spread) == len(good)
    assert_same(spread[mask], outcome)
    np.testing.assert_array_equal(spread.is_bad, ~mask)
    bad = spread[~mask]
    assert (bad.top1 == -1).all()
    assert (bad.top5 == -1).all()
    assert (bad.rank_of_label == 0).all()
    for name in ("top5_probabilities", "probability_of_label", "top1_probability", "max_abs_diff", "mean_abs_diff"):
        assert np.isnan(bad.columns()[name]).all()
    assert {name: array.dtype for name, array in spread.columns().items()} == {
        name: array.dtype for name, array in outcome.columns().items()
    }


def test_bad_rows_of_another_count_are_refused() -> None:
    with pytest.raises(ValueError, match="2 good rows, but an outcome of 3"):
        with_bad_rows(score(CANDIDATE[:3], LABELS[:3]), np.array([True, False, True]))


def test_empty() -> None:
    outcome = empty_outcome()
    assert len(outcome) == 0
    assert_same(Outcome.concatenate([outcome, score(CANDIDATE, LABELS)]), score(CANDIDATE, LABELS))
    with pytest.raises(ValueError, match="no outcome"):
        Outcome.concatenate([])


def test_columns_round_trip_and_a_missing_one_is_said() -> None:
    outcome = score(CANDIDATE, LABELS)
    assert_same(Outcome.from_columns(outcome.columns()), outcome)
    columns = outcome.columns()
    del columns["top5"]
    with pytest.raises(KeyError, match="top5"):
        Outcome.from_columns(columns)


@given(st.floats(0, 1, width=32))
def test_as_decimal_names_the_same_number(value: float) -> None:
    assert np.float32(as_decimal(np.float32(value))) == np.float32(value)


def test_as_decimal_is_what_was_written() -> None:
    assert as_decimal(np.float32(0.001)) == 0.001
    assert as_decimal(np.float32(3.5e-6)) == 3.5e-6
    assert as_decimal(np.float64(0.1)) == 0.1
