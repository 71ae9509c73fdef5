from __future__ import annotations

import pytest

from harness.bench.growth import marginal
from harness.bench.stages import Costs

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


def test_the_same_by_processor_time() -> None:
    """9 processor-ms an image with one, 19 with three: 10 on top for two that cost 4 each alone."""
    one = {
        **ONE,
        "pipeline_processor_seconds_per_image": 0.009,
        "processor_seconds_per_image": {"decode": 1, "ir": 0.004},
    }
    stages = {"decode": 1, "resize": 1, "ir": 0.004, "ir-2": 0.004, "ir-3": 0.004}
    three = {**THREE, "pipeline_processor_seconds_per_image": 0.019, "processor_seconds_per_image": stages}
    assert marginal(three, [one, three], by_processor=True) == pytest.approx(10 / 8)
    assert marginal(one, [one, three], by_processor=True) is None


def test_the_bound_takes_the_cheapest_measurement_and_the_usual_bound_the_median() -> None:
    first, second = Costs(), Costs()
    first.add("decode", [(3.0, 4.0), (9.0, 9.0)], 100, 2)
    second.add("decode", [(2.0, 5.0)], 100, 2)
    found = first.with_those_of(second)
    assert found.core == {"decode": pytest.approx(2.0 * 2 / 100)}
    assert found.usual_core == {"decode": pytest.approx(3.0 * 2 / 100)}
    assert found.processor == {"decode": pytest.approx(4.0 / 100)}
