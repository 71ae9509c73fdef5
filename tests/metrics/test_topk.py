"""Top-k and ranks against a plain sort, with many ties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.metrics.topk import rank_of_label, top_k

Floats = NDArray[np.float32]


def sorted_classes(row: Floats) -> list[int]:
    """Return the classes of one image, best first: by falling probability, then by index."""
    return sorted(range(len(row)), key=lambda index: (-float(row[index]), index))


def tables() -> st.SearchStrategy[Floats]:
    # Few different values, so that most rows have ties, also across the fifth place.
    values = st.sampled_from([0.0, -0.0, 0.125, 0.25, 0.5, 1.0])
    return st.tuples(st.integers(0, 6), st.integers(1, 12)).flatmap(
        lambda shape: st.lists(
            st.lists(values, min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
        ).map(lambda rows: np.array(rows, np.float32).reshape(shape))
    )


@given(tables(), st.integers(1, 7))
def test_top_k_is_the_head_of_a_sort(probabilities: Floats, k: int) -> None:
    found = top_k(probabilities, k)
    assert found.dtype == np.int32
    assert found.shape == (len(probabilities), k)
    for row, classes in zip(probabilities, found.tolist(), strict=True):
        expected = sorted_classes(row)[:k]
        assert classes == expected + [-1] * (k - len(expected))


@given(tables())
def test_rank_is_the_place_in_a_sort(probabilities: Floats) -> None:
    for label in range(probabilities.shape[1]):
        labels = np.full(len(probabilities), label, np.int32)
        found = rank_of_label(probabilities, labels)
        assert found.dtype == np.int32
        assert found.tolist() == [sorted_classes(row).index(label) + 1 for row in probabilities]


def test_real_width_against_numpy() -> None:
    probabilities = np.random.default_rng(7).dirichlet(np.ones(1001), 64).astype(np.float32)
    expected = np.argsort(-probabilities.astype(np.float64), axis=1, kind="stable")[:, :5]
    np.testing.assert_array_equal(top_k(probabilities), expected)


def test_by_hand() -> None:
    probabilities = np.array([[0.2, 0.4, 0.4, 0.0], [0.25, 0.25, 0.25, 0.25]], np.float32)
    assert top_k(probabilities).tolist() == [[1, 2, 0, 3, -1], [0, 1, 2, 3, -1]]
    assert rank_of_label(probabilities, np.array([2, 3], np.int32)).tolist() == [2, 4]


def test_the_input_is_not_changed() -> None:
    probabilities = np.array([[0.2, 0.8], [0.9, 0.1]], np.float32)
    probabilities.setflags(write=False)
    top_k(probabilities)
    rank_of_label(probabilities, np.array([0, 0], np.int32))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int32, np.bool_])
def test_numbers_that_are_not_floating_point_are_refused(dtype: Any) -> None:
    # Negating unsigned numbers wraps around, so that 0 would be the best class.
    with pytest.raises(ValueError, match="floating-point"):
        top_k(np.array([[0, 1]], dtype))
    with pytest.raises(ValueError, match="floating-point"):
        rank_of_label(np.array([[0, 1]], dtype), np.array([0], np.int32))


@pytest.mark.parametrize(
    ("probabilities", "told"),
    [
        (np.zeros(3, np.float32), "shape"),
        (np.zeros((1, 2, 3), np.float32), "shape"),
        (np.zeros((3, 0), np.float32), "without classes"),
        (np.array([[0.5, np.nan]], np.float32), "NaN"),
    ],
)
def test_arrays_that_are_refused(probabilities: Floats, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        top_k(probabilities)
    with pytest.raises(ValueError, match=told):
        rank_of_label(probabilities, np.zeros(len(probabilities), np.int32))


@pytest.mark.parametrize("labels", [[0], [0, 0, 0], [[0], [0]]])
def test_labels_of_another_shape_are_refused(labels: Any) -> None:
    with pytest.raises(ValueError, match="labels of shape"):
        rank_of_label(np.zeros((2, 3), np.float32), np.array(labels, np.int32))


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_labels_out_of_range_are_refused(labels: list[int]) -> None:
    with pytest.raises(ValueError, match=r"outside 0\.\.2"):
        rank_of_label(np.zeros((2, 3), np.float32), np.array(labels, np.int32))


def test_k_below_one() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        top_k(np.zeros((1, 2), np.float32), 0)
