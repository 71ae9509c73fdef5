from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.diagnosis.direction import Direction, direction
from harness.diagnosis.readings import Rows

RANDOM = np.random.default_rng(2)
LOGITS = RANDOM.normal(size=(64, 10))
WEIGHTS = 0.2 * RANDOM.normal(size=LOGITS.shape)  # what changed weights do
FAULT = 0.1 * RANDOM.normal(size=LOGITS.shape)  # what a wrong input does


def softmax(logits: NDArray[np.float64]) -> Rows:
    powers = np.exp(logits)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def test_a_fault_that_is_smaller_than_what_the_weights_do_is_seen_by_its_direction() -> None:
    found = direction(softmax(LOGITS), softmax(LOGITS + WEIGHTS + FAULT), softmax(LOGITS + WEIGHTS))
    assert found is not None
    assert found.factor == pytest.approx(1, abs=0.2)
    assert found.factor / found.error > 5
    assert found.left == pytest.approx(0.2**2 / (0.2**2 + 0.1**2), abs=0.08)
    assert found.may_be
    assert found.is_sure


def test_a_fault_that_is_not_there_is_none() -> None:
    found = direction(softmax(LOGITS), softmax(LOGITS + WEIGHTS), softmax(LOGITS + WEIGHTS + FAULT))
    assert found is not None
    assert found.factor == pytest.approx(0, abs=0.3)
    assert not found.is_sure


def test_a_change_by_twice_the_fault_is_another_one() -> None:
    found = direction(softmax(LOGITS), softmax(LOGITS + WEIGHTS + FAULT), softmax(LOGITS + WEIGHTS - FAULT))
    assert found is not None
    assert found.factor == pytest.approx(0.5, abs=0.15)
    assert not found.is_sure


def test_what_changes_nothing_says_nothing() -> None:
    rows = softmax(LOGITS)
    assert direction(rows, softmax(LOGITS + WEIGHTS), softmax(LOGITS + WEIGHTS)) is None
    assert direction(rows[:1], softmax(LOGITS + WEIGHTS)[:1], rows[:1]) is None


def test_a_change_that_explains_almost_nothing_is_not_sure() -> None:
    """The first was seen for two channels swapped, beside weights 5 % off alone; the second for the filter nearest."""
    assert not Direction(1.035, 0.172, 0.988, 43, 64).is_sure
    assert Direction(0.93, 0.158, 0.917, 44, 64).is_sure
