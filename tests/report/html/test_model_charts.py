from __future__ import annotations

import numpy as np
import pytest

from harness.report.html.model_charts import BINS, calibrate


def test_a_hand_worked_case() -> None:
    # Two images at 0.95 (one right) and two at 0.05 (none right): |0.5 - 0.95| / 2 + |0 - 0.05| / 2 = 0.25
    found = calibrate(np.array([0.95, 0.95, 0.05, 0.05]), np.array([True, False, False, False]))
    assert found.error == pytest.approx(0.25)
    assert [bin_.images for bin_ in found.bins] == [2, 2]
    assert (found.bins[1].images, found.bins[1].accuracy) == (2, 0.5)
    assert found.bins[1].confidence == pytest.approx(0.95)


def test_a_border_belongs_to_the_lower_bin_and_the_ends_are_kept() -> None:
    edges = np.array([0.0, 1 / BINS, 1.0])
    assert [bin_.images for bin_ in calibrate(edges, np.array([True, True, True])).bins] == [2, 1]


def test_against_a_loop_over_the_definition() -> None:
    random = np.random.default_rng(5)
    confidence, correct = random.random(500), random.random(500) < 0.6
    expected = 0.0
    for number in range(BINS):
        inside = (confidence > number / BINS) & (confidence <= (number + 1) / BINS)
        if inside.any():
            expected += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    assert calibrate(confidence, correct).error == pytest.approx(expected)


def test_bad_images_are_left_out_and_nothing_has_no_error() -> None:
    found = calibrate(np.array([0.5, np.nan]), np.array([True, False]))
    assert [bin_.images for bin_ in found.bins] == [1]
    assert calibrate(np.array([np.nan]), np.array([False])).error is None


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="2 probabilities for 1 images"):
        calibrate(np.array([0.5, 0.5]), np.array([True]))
