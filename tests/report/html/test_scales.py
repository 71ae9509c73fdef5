from __future__ import annotations

from typing import Any

import pytest

from harness.report.html.scales import scales
from tests.report.records import DROP_PASS, PARITY_PASS, TARGET_OFF, gate


def _one(measured: dict[str, Any], limit: dict[str, Any]) -> Any:
    (found,) = scales(gate("g", "ir", "pass", measured=measured, limit=limit))
    return found


def test_parity_stands_on_decades() -> None:
    (found,) = scales(PARITY_PASS)
    # 1e-8 to 1 are eight decades; the limit 1e-3 stands after five of them
    assert found.limit == pytest.approx(62.5)
    assert found.marker < found.limit
    assert (found.pass_start, found.pass_width, found.beyond) == (0.0, found.limit, False)
    assert (found.name, found.low_text, found.high_text) == ("log scale", "1e-08", "1")
    assert _one({"max_abs_diff": 0.0}, {"max_abs_diff": 1e-3}).marker == 0
    assert _one({"max_abs_diff": 1.0}, {"max_abs_diff": 1e-3}).marker == 100


def test_a_drop_has_zero_in_the_middle_and_two_scales() -> None:
    top1, top5 = scales(DROP_PASS)
    assert (top1.origin, top1.marker, top5.label) == (50.0, 50.0, "Top-5")
    lost = _one({"top1_pp": 15.0}, {"top1_max_pp": 0.1})
    assert lost.beyond
    assert (lost.name, lost.low_text, lost.high_text) == ("pp, linear", "gained 17", "lost 17")  # 15 % more than 15
    assert 50 < lost.limit < lost.marker < 100


def test_an_accuracy_is_bounded_from_below() -> None:
    found = _one({"top1_percent": 63.0}, {"top1_percent_at_least": 71.75})
    assert found.floor
    assert found.beyond
    assert found.marker < found.limit
    assert found.pass_start + found.pass_width == pytest.approx(100)


def test_the_boundary_is_not_beyond() -> None:
    assert not _one({"top1_pp": 0.1}, {"top1_max_pp": 0.1}).beyond
    assert not _one({"top1_percent": 71.75}, {"top1_percent_at_least": 71.75}).beyond


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "0.5", True])
def test_what_is_no_number_has_no_scale(value: Any) -> None:
    assert scales(gate("g", "ir", "error", measured={"max_abs_diff": value}, limit={"max_abs_diff": 1e-3})) == []
    assert scales(TARGET_OFF) == []


@pytest.mark.parametrize("measured", [-50.0, 0.0, 1e-12, 0.1, 99.0, 1e6])
@pytest.mark.parametrize("keys", [("x_pp", "x_max_pp"), ("x_percent", "x_percent_at_least"), ("x", "x")])
def test_everything_stays_on_its_scale(measured: float, keys: tuple[str, str]) -> None:
    found = _one({keys[0]: measured}, {keys[1]: 0.1})
    for place in (found.marker, found.limit, found.pass_start, found.pass_start + found.pass_width):
        assert -1e-6 <= place <= 100.01
