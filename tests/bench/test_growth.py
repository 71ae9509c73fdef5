from __future__ import annotations

import pytest

from harness.bench.growth import marginal

ONE = {
    "pictures": "small", "cores": 2, "images": 100, "candidates": 1, "achieved_images_per_second": 250.0,
    "core_seconds_per_image": {"decode": 0.001, "resize": 0.001, "ir": 0.005},
}  # fmt: skip
THREE = {
    **ONE, "candidates": 3, "achieved_images_per_second": 100.0,
    "core_seconds_per_image": {"decode": 0.001, "resize": 0.001, "ir": 0.005, "ir-2": 0.005, "ir-3": 0.005},
}  # fmt: skip


def test_the_marginal_cost_is_what_came_on_top_over_the_inference_alone() -> None:
    """8 core-ms an image with one, 20 with three: 12 on top for two that cost 5 each alone."""
    assert marginal(ONE, [ONE, THREE]) is None
    assert marginal(THREE, [ONE, THREE]) == pytest.approx(12 / 10)
    other = {**ONE, "pictures": "large", "achieved_images_per_second": 1.0}
    assert marginal(THREE, [ONE, other, THREE]) == pytest.approx(12 / 10)
