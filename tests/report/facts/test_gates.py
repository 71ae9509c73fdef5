from __future__ import annotations

from typing import Any

import pytest

from harness.report.facts import gates
from tests.report import records
from tests.report.records import gate

DROP = {"top1_pp": 1.23, "top5_pp": 0.02, "top1_ci95_pp": [0.4, 2.061]}
DROP_LIMIT = {"top1_max_pp": 0.1, "top5_max_pp": 0.1}


@pytest.mark.parametrize(
    ("measured", "limit", "text", "limit_text", "breach"),
    [
        (
            {"max_abs_diff": 0.2612, "images": 64},
            {"max_abs_diff": 1e-3},
            "max |Δp| 0.26 on 64 images",
            "0.001",
            "max |Δp| 0.26 on 64 images, limit 0.001",
        ),
        (
            {"max_abs_diff": 0.2612, "images": 64},
            {"max_abs_diff": 1e-3, "images": 64},
            "max |Δp| 0.26 on 64 images",
            "0.001",
            "max |Δp| 0.26 on 64 images, limit 0.001",
        ),
        (
            {"images": 32, "max_abs_diff": 0.0010004},
            {"images": 64, "max_abs_diff": 1e-3},
            "max |Δp| 0.0010004 on 32 images",
            "0.001 on 64 images",
            "max |Δp| 0.0010004 on 32 images, limit 0.001",
        ),
        (
            DROP,
            DROP_LIMIT,
            "Top-1 lost 1.23 pp, Top-5 lost 0.02 pp, Top-1 95 % [+0.40, +2.061] pp",
            "Top-1 0.10 pp, Top-5 0.10 pp",
            "Top-1 lost 1.23 pp, limit 0.10 pp",  # Top-5 is within its limit
        ),
        (
            {"top1_percent": 71.746, "top5_percent": 90.7},
            {"top1_percent": 71.75, "top5_percent": 90.59},
            "Top-1 71.746 %, Top-5 90.70 %",  # 71.746 would read as its limit with two decimals
            "Top-1 71.75 %, Top-5 90.59 %",
            "Top-1 71.746 %, limit 71.75 %",  # an accuracy is bounded from below
        ),
        (
            {"top1_percent": 70.0, "top5_percent": 80.0},
            {"top1_percent_at_least": 71.75, "top5_percent_at_least": 90.59},
            "Top-1 70.00 %, Top-5 80.00 %",
            "Top-1 at least 71.75 %, Top-5 at least 90.59 %",
            "Top-1 70.00 %, Top-5 80.00 %, limit Top-1 at least 71.75 %, Top-5 at least 90.59 %",
        ),
        (
            {"top1_percent": 70.0},
            {"top1_tolerance_pp": 0.1},
            "Top-1 70.00 %",
            "0.10 pp",
            "Top-1 70.00 %, limit 0.10 pp",
        ),
        (None, None, "n/a", "n/a", "A reason"),
        ({}, {}, "n/a", "n/a", "A reason"),
        ({"max_abs_diff": None}, {"max_abs_diff": 1e-3}, "max |Δp| n/a", "0.001", "max |Δp| n/a, limit 0.001"),
        (
            {"novel_thing": 3, "ready": False, "wall_seconds": 61.0, "note": "a\nb", "share": 0.5},
            {},
            "novel thing 3, ready no, wall 1 min 01 s, note a\\nb, share 0.5",
            "n/a",
            "novel thing 3, ready no, wall 1 min 01 s, note a\\nb, share 0.5",
        ),
    ],
)
def test_words(
    measured: dict[str, Any] | None, limit: dict[str, Any] | None, text: str, limit_text: str, breach: str
) -> None:
    part = gate("drop", "ir", "fail", measured=measured, limit=limit, reason="A reason.")
    assert gates.measured(part) == text
    assert gates.limit(part) == limit_text
    assert gates.breach(part) == breach


def test_figures_pair_measured_values_with_their_limits() -> None:
    top1, top5 = gates.measurements(records.DROP_PASS)
    assert (top1.label, top1.measured, top1.limit, top1.unit, top1.direction) == ("Top-1", 0.0, 0.1, "pp", "at_most")
    assert (top5.measured_text, top5.limit_text) == ("unchanged", "0.10 pp")
    (parity,) = gates.measurements(records.PARITY_PASS)
    assert (parity.label, parity.unit) == ("max |Δp|", "probability")
    assert gates.measurements(records.TARGET_OFF) == []
