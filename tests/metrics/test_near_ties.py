"""Near-ties, against hand-worked cases and the definition of a share in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.metrics.near_ties import margins, near_ties, tie_margin, usual_movement


def test_the_margin_is_between_the_best_two() -> None:
    best = np.array([[0.5, 0.375, 0.125], [0.25, 0.25, 0.0], [np.nan, np.nan, np.nan]], np.float32)
    found = margins(best)
    assert found[:2].tolist() == [0.125, 0.0]
    assert math.isnan(found[2])


def test_one_class_has_no_second_best() -> None:
    assert not near_ties(np.ones((3, 1), np.float32), np.full(3, 0.5, np.float32)).any()


@pytest.mark.parametrize("count", [1, 2, 19, 20, 21, 40, 99, 100, 101])
def test_95_percent_of_the_images_stay_within_the_usual_movement_and_fewer_below_it(count: int) -> None:
    moved = np.random.default_rng(count).permutation(count).astype(np.float32) / 1024
    usual = usual_movement(moved)
    assert 100 * sum(value <= usual for value in moved.tolist()) >= 95 * count
    assert 100 * sum(value < usual for value in moved.tolist()) < 95 * count


def test_what_is_no_number_moves_nothing() -> None:
    assert usual_movement(np.array([np.nan, np.inf, 0.25], np.float32)) == 0.25
    assert usual_movement(np.array([np.nan], np.float32)) == 0.0
    assert usual_movement(np.array([], np.float32)) == 0.0


def test_the_boundary_is_a_near_tie() -> None:
    best = np.array([[0.5, 0.5 - 2**-6], [0.5, 0.5 - 2**-5], [np.nan, np.nan]], np.float32)
    assert near_ties(best, np.full(3, 2**-7, np.float32)).tolist() == [True, False, False]


def test_a_broken_candidate_makes_no_near_ties_of_decided_images() -> None:
    moved = np.ones(2, np.float32)
    assert tie_margin(moved) == 0.1
    assert near_ties(np.array([[0.5, 0.25], [0.5, 0.4375]], np.float32), moved).tolist() == [False, True]
