"""Figures of a gate: the dicts that they stand for, and what is read from the dicts of a record that has none."""

from __future__ import annotations

import math
from typing import Any

import pytest

from harness.record.figures import figures_of, gate_part, unmeasured
from harness.record.schema import Figure, GatePart

DROP = Figure(name="top1_pp", value=0.1, unit="pp", limit=0.1, limit_name="top1_max_pp", direction="at_most")
IMAGES = Figure(name="images", value=3, unit="images", limit=64, limit_name="images")
CONFIDENCE = Figure(name="confidence_percent", value=None, unit="%", limit=95.0, limit_name="confidence_percent")


def old(measured: dict[str, Any] | None, limit: dict[str, Any] | None) -> GatePart:
    return GatePart(gate="drop", model="ir", verdict="pass", measured=measured, limit=limit, reason="r")


def test_the_dicts_have_every_value_and_every_limit_once() -> None:
    low = DROP.model_copy(update={"name": "top1_at_least_pp", "value": -0.2})
    part = gate_part("certify", "ir", "pass", "r", (IMAGES, DROP, low, CONFIDENCE))
    assert part.measured == {"images": 3, "top1_pp": 0.1, "top1_at_least_pp": -0.2}
    assert part.limit == {"images": 64, "top1_max_pp": 0.1, "confidence_percent": 95.0}
    assert figures_of(part) == (IMAGES, DROP, low, CONFIDENCE)


def test_what_was_not_measured_has_limits_only() -> None:
    part = gate_part("drop", "ir", "not_applicable", "r", unmeasured((IMAGES, DROP)))
    assert (part.measured, part.limit) == (None, {"images": 64, "top1_max_pp": 0.1})
    assert gate_part("drop", "ir", "error", "r").limit is None


def test_a_number_that_is_not_finite_stays_a_null_beside_what_was_measured() -> None:
    infinite = Figure(name="max_abs_diff", value=None, unit="probability", limit=1e-3, direction="at_most")
    assert gate_part("parity", "ir", "error", "r", (IMAGES, infinite)).measured == {"images": 3, "max_abs_diff": None}


@pytest.mark.parametrize(
    ("value", "direction", "beyond"),
    [
        (0.1, "at_most", False),
        (math.nextafter(0.1, 1), "at_most", True),
        (0.1, "at_least", False),
        (math.nextafter(0.1, 0), "at_least", True),
        (9.0, None, False),
        (None, "at_most", False),
        ([9], "at_most", False),
        (True, "at_most", False),
        (math.inf, "at_most", False),
    ],
)
def test_the_boundary_is_not_beyond(value: Any, direction: Any, beyond: bool) -> None:
    assert DROP.model_copy(update={"value": value, "direction": direction}).is_beyond is beyond


@pytest.mark.parametrize(
    ("measured", "limit", "expected"),
    [
        (
            {"images": 64, "max_abs_diff": 0.2},
            {"max_abs_diff": 1e-3},
            [("images", None, None), ("probability", 1e-3, "at_most")],
        ),
        ({"top1_pp": 1.0}, {"top1_max_pp": 0.1}, [("pp", 0.1, "at_most")]),
        ({"top1_drop_pp": 1.0}, {"top1_max_drop_pp": 0.1}, [("pp", 0.1, "at_most")]),
        ({"top1_percent": 71.0}, {"top1_percent_at_least": 71.75}, [("%", 71.75, "at_least")]),
        ({"top1_percent": 71.0}, {"top1_tolerance_pp": 0.1}, [("%", None, None), ("pp", 0.1, None)]),
        ({"images": 3}, {"images": 64}, [("images", 64, None)]),
        (
            {"wall_seconds": 61.0, "ready": False, "note": "a", "range": [1, 2]},
            None,
            [("seconds", None, None), ("", None, None), ("", None, None), ("", None, None)],
        ),
        (None, {"top5_max_pp": 0.1}, [("pp", 0.1, None)]),
        (None, None, []),
    ],
)
def test_an_old_record_says_it_with_its_keys(
    measured: dict[str, Any] | None, limit: dict[str, Any] | None, expected: list[tuple[str, Any, Any]]
) -> None:
    found = figures_of(old(measured, limit))
    assert [(item.unit, item.limit, item.direction) for item in found] == expected
    assert [item.value for item in found if item.name in (measured or {})] == list((measured or {}).values())


def test_what_a_gate_writes_is_what_is_read_from_its_dicts() -> None:
    parity = Figure(
        name="max_abs_diff", value=0.2, unit="probability", limit=1e-3, limit_name="max_abs_diff", direction="at_most"
    )
    least = Figure(
        name="top1_percent",
        value=71.0,
        unit="%",
        limit=71.75,
        limit_name="top1_percent_at_least",
        direction="at_least",
    )
    part = gate_part("g", "ir", "fail", "r", (IMAGES, parity, DROP, least, CONFIDENCE))
    assert figures_of(part.model_copy(update={"figures": ()})) == part.figures
