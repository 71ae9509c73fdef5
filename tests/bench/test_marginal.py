from __future__ import annotations

from typing import Any

import pytest

from harness.bench.marginal import marginal
from tests.bench import test_bench as bench
from tests.bench import test_growth as growth

# growth: 8 core-ms an image with one candidate, 20 with three: 12 on top for two that cost 5 each alone
# bench: 20 core-ms an image with one candidate, 32 with three: 12 on top for two that cost 4 each alone
PAIRS = [(growth.ONE, growth.THREE, 12 / 10), (bench.BOTH, bench.THREE, 12 / 8)]


@pytest.mark.parametrize(("fewer", "more", "expected"), PAIRS)
def test_the_marginal_cost_is_what_came_on_top_over_the_inference_alone(
    fewer: dict[str, Any], more: dict[str, Any], expected: float
) -> None:
    assert marginal(fewer, fewer) is None
    assert marginal(more, fewer) == pytest.approx(expected)


def test_the_same_by_processor_time() -> None:
    """9 processor-ms an image with one, 19 with three: 10 on top for two that cost 4 each alone."""
    assert marginal(growth.THREE, growth.ONE, by_processor=True) == pytest.approx(10 / 8)
    assert marginal(growth.ONE, growth.ONE, by_processor=True) is None


@pytest.mark.parametrize(("fewer", "more", "expected"), PAIRS)
def test_a_machine_that_became_slower_between_the_two_runs_does_not_change_the_marginal_cost(
    fewer: dict[str, Any], more: dict[str, Any], expected: float
) -> None:
    """Everything takes twice as long in the second run."""
    stages = more["usual_core_seconds_per_image"]
    slower = {
        **more,
        "achieved_images_per_second": more["achieved_images_per_second"] / 2,
        "usual_core_seconds_per_image": {stage: 2 * seconds for stage, seconds in stages.items()},
    }
    assert marginal(slower, fewer) == pytest.approx(expected)
