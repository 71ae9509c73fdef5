from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.dataset.imagenet import classes_in_devkit_order
from harness.diagnosis.readings import (
    Read,
    best_reading,
    difference,
    may_be_reordered,
    named_order,
    order_of,
    tells_images_apart,
)
from harness.feeding.outputs import Applied

Rows = NDArray[np.float32]


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    powers = np.exp(logits.astype(np.float64))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


LOGITS = 3 * np.random.default_rng(0).standard_normal((6, 7))
REFERENCE = softmax(LOGITS).astype(np.float32)


def read(raw: NDArray[np.floating], applied: Applied = "none") -> Read:
    """The best way of reading an output against the reference."""
    found = best_reading(raw.astype(np.float32), applied, lambda rows: rows, REFERENCE, limit=1e-3, background=False)
    return min(found, key=lambda item: item.largest)


@pytest.mark.parametrize(
    ("raw", "applied", "cause"),
    [
        (REFERENCE, "none", ""),
        (LOGITS, "softmax", ""),
        (LOGITS, "none", "logits"),
        (REFERENCE, "softmax", "softmax-twice"),
        (softmax(REFERENCE), "none", "softmax-twice"),
        (np.log(REFERENCE), "none", "log-probabilities"),
        (1 / (1 + np.exp(-LOGITS)), "none", "sigmoid"),
        (100 * REFERENCE, "none", "scaled-probabilities"),
        (100 * REFERENCE[:, ::-1], "none", "scaled-probabilities + classes-permuted"),
        (np.roll(REFERENCE, 1, axis=1), "none", "classes-shifted"),
        (np.roll(REFERENCE, -1, axis=1), "none", "classes-shifted"),
        (REFERENCE[:, ::-1], "none", "classes-permuted"),
        (LOGITS[:, ::-1], "none", "logits + classes-permuted"),
    ],
)
def test_what_an_output_is_is_found_by_its_values(raw: NDArray[np.floating], applied: Applied, cause: str) -> None:
    found = read(raw, applied)
    assert found.largest < 1e-5
    assert set(found.reading.cause.split(" + ")) == set(cause.split(" + "))


def test_other_values_are_no_other_order() -> None:
    found = read(softmax(LOGITS * 1.1))
    assert found.largest > 1e-3
    assert found.reading.cause == ""


def test_values_that_sum_to_a_constant_are_no_logits() -> None:
    """A softmax of percentages is almost 1 for one class, which is nearer to any probabilities than 98 is."""
    found = best_reading(100 * REFERENCE, "none", lambda rows: rows, REFERENCE, limit=1e-3, background=False)
    assert [item.reading.cause for item in found] == ["", "scaled-probabilities"]
    assert read(1 - REFERENCE).largest > 1e-3


def test_an_order_is_recovered_class_by_class() -> None:
    order = np.random.default_rng(1).permutation(7)
    shuffled = np.empty_like(REFERENCE)
    shuffled[:, order] = REFERENCE  # the reference's class j is the candidate's order[j]
    assert may_be_reordered(shuffled, REFERENCE, 1e-6)
    assert order_of(shuffled, REFERENCE).tolist() == order.tolist()


def test_orders_have_their_names() -> None:
    numbers = np.arange(1001)
    devkit = np.concatenate([[0], classes_in_devkit_order().astype(np.int64) + 1])
    assert "devkit" in named_order(devkit, background=True).words
    assert "reversed" in named_order(numbers[::-1], background=True).words
    assert "late" in named_order((numbers + 1) % 1001, background=True).words
    other = numbers.copy()
    other[[3, 8]] = other[[8, 3]]
    assert (
        "2 of 1,001 classes moved, such as the reference's 3, which is its 8"
        in named_order(other, background=True).words
    )


def test_a_difference_that_is_no_number_is_the_largest() -> None:
    rows = REFERENCE.copy()
    rows[2, 3] = np.nan
    assert difference(rows, REFERENCE).tolist() == [0, 0, np.inf, 0, 0, 0]
    assert np.isinf(difference(rows[:, :-1], REFERENCE)).all()


def test_images_with_the_same_probabilities_are_not_told_apart() -> None:
    same = np.repeat(REFERENCE[:1], 5, axis=0)
    assert not tells_images_apart(same, 0.0)
    same[3, 2] += 0.009
    assert not tells_images_apart(same, 1e-3)
    assert tells_images_apart(same, 8e-4)
    assert tells_images_apart(same, 0.0)
