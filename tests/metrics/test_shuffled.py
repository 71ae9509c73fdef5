"""What answers are worth in random order: against every order of small sets, and against shuffling large ones."""

from __future__ import annotations

import itertools
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.metrics.shuffled import shuffled

_CLASSES = st.integers(0, 3)
_PAIRS = st.integers(1, 6).flatmap(
    lambda size: st.tuples(*(st.lists(_CLASSES, min_size=size, max_size=size) for _ in range(2)))
)


def of(answers: list[int], labels: list[int]) -> tuple[float, float, int]:
    found = shuffled(np.array(answers, np.int32), np.array(labels, np.int32))
    assert found.images == len(labels)
    return found.expected, found.deviation, found.other_labels


@settings(max_examples=60, deadline=None)
@given(_PAIRS)
def test_every_order(pair: tuple[list[int], list[int]]) -> None:
    answers, labels = pair
    right = [sum(map(int.__eq__, order, labels)) for order in itertools.permutations(answers)]
    expected, deviation, others = of(answers, labels)
    assert expected == pytest.approx(statistics.fmean(right), abs=1e-12)
    assert deviation == pytest.approx(statistics.pstdev(right), abs=1e-9)
    assert others == len(labels) - max(map(labels.count, labels))


def test_by_hand() -> None:
    """90 of 100 labels are class 0: one answer for all is right 90 times in any order; half of each class, 50 times."""
    labels = [0] * 90 + [1] * 10
    assert of([0] * 100, labels) == (90.0, 0.0, 10)
    # Of 50 answers 0, those on the 90 labels 0 are hypergeometric: mean 45, variance 50 * 0.9 * 0.1 * 50 / 99; each
    # one more is two more right images.
    expected, deviation, _ = of([0, 1] * 50, labels)
    assert expected == 50.0
    assert deviation == pytest.approx(2 * (50 * 0.9 * 0.1 * 50 / 99) ** 0.5)


def test_a_large_set_by_shuffling() -> None:
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 1000, 50_000).astype(np.int32)
    answers = np.where(generator.random(50_000) < 0.5, labels, generator.integers(0, 40, 50_000)).astype(np.int32)
    found = shuffled(answers, labels)
    right = [int((generator.permutation(answers) == labels).sum()) for _ in range(400)]
    assert np.mean(right) == pytest.approx(found.expected, abs=4 * found.deviation / 20)
    assert np.std(right) == pytest.approx(found.deviation, rel=0.15)


def test_nothing_and_unequal_lengths() -> None:
    assert of([], []) == (0.0, 0.0, 0)
    assert of([3], [3]) == (1.0, 0.0, 0)
    with pytest.raises(ValueError, match="1 answers, 2 labels"):
        shuffled(np.zeros(1, np.int32), np.zeros(2, np.int32))
