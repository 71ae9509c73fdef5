"""The gate `parity` with a yardstick: both sides of the boundary, few large errors, and nothing to judge by."""

from __future__ import annotations

import numpy as np
import pytest

from harness.config.gates import ParityGate
from harness.judging.judged import Judged
from harness.judging.ratio_gate import Yardstick, judge_ratio, of_candidate, of_precision, ratios
from harness.metrics.outcome import Outcome, score, with_bad_rows
from harness.record.schema import GatePart, InputChange, YardstickPart


def outcome(errors: list[float], good: list[bool] | None = None) -> Outcome:
    """Return rows of two classes that are off by so much; the mean over both classes is the same number."""
    reference = np.full((len(errors), 2), 0.5, np.float32)
    off = np.array(errors, np.float32)[:, None]
    found = score(reference + off * np.array([1, -1], np.float32), np.zeros(len(errors), np.int32), reference)
    return found if good is None else with_bad_rows(found, np.array(good))


def judge(errors: list[float], yardstick: Yardstick | list[float], gate: ParityGate | None = None) -> GatePart:
    beside = Yardstick(np.array(yardstick)) if isinstance(yardstick, list) else yardstick
    rows = outcome(errors)
    return judge_ratio(Judged("ir", rows, rows, "f16", 100), gate or ParityGate(yardstick="f16", max_ratio=2), beside)


@pytest.mark.parametrize(("factor", "verdict"), [(1.5, "pass"), (2.0, "pass"), (2.25, "fail"), (0.0, "pass")])
def test_both_sides_of_the_limit_and_the_limit_itself(factor: float, verdict: str) -> None:
    found = judge([factor / 64, factor / 64, factor / 64], [1 / 64, 1 / 64, 1 / 64])
    assert found.verdict == verdict
    assert found.measured == {
        "images": 3,
        **dict.fromkeys(("mean_ratio", "rms_ratio", "median_ratio", "percentile95_ratio"), factor),
    }
    assert found.limit == {"images": 64, "max_ratio": 2}


def test_one_broken_image_of_many_is_seen_by_the_root_mean_square() -> None:
    """63 images of 1/64 and one of 1/2: the mean is 1.48 times as much, the root mean square 4.12 times."""
    found = judge([1 / 64] * 63 + [0.5], [1 / 64] * 64)
    assert found.verdict == "fail"
    assert found.measured is not None
    assert found.measured["mean_ratio"] == pytest.approx((63 + 32) / 64)
    assert found.measured["rms_ratio"] == pytest.approx(np.sqrt((63 + 32**2) / 64))
    assert found.measured["median_ratio"] == 1
    assert [figure.name for figure in found.figures if figure.is_beyond] == ["rms_ratio"]


def test_ratios_are_those_of_numpy() -> None:
    generator = np.random.default_rng(3)
    errors, beside = generator.random(64), generator.random(64)
    found = ratios(errors, beside)
    assert found["mean_ratio"] == pytest.approx(errors.sum() / beside.sum())
    assert found["rms_ratio"] == pytest.approx(np.linalg.norm(errors) / np.linalg.norm(beside))
    assert found["median_ratio"] == pytest.approx(np.quantile(errors, 0.5) / np.quantile(beside, 0.5))
    assert found["percentile95_ratio"] == pytest.approx(np.quantile(errors, 0.95) / np.quantile(beside, 0.95))


def test_only_the_first_images_count_and_bad_ones_do_not() -> None:
    rows = outcome([1 / 64, 1 / 64, 0.5], [True, False, True, True])
    gate = ParityGate(images=3, yardstick="f16")
    judged = Judged("ir", rows, rows, "f16", 4)
    assert judge_ratio(judged, gate, Yardstick(np.array([1 / 64, 1 / 64]))).verdict == "pass"
    other = judge_ratio(judged, gate, Yardstick(np.array([1 / 64, 1 / 64, 1 / 64])))
    assert (other.verdict, other.reason) == ("error", "its yardstick has 3 images, but 2 were compared")


@pytest.mark.parametrize(
    ("yardstick", "verdict", "reason"),
    [
        (Yardstick(None, "cannot be rounded"), "error", "cannot be rounded"),
        (of_precision(None, "f16"), "error", "its yardstick was not measured"),
        (of_precision(YardstickPart(model="ir", yardstick="bf16", errors=(1.0,)), "f16"), "error", "not measured"),
        (of_precision(YardstickPart(model="ir", yardstick="f16", error="why"), "f16"), "error", "why"),
        (of_candidate("gpu", None, 64), "inconclusive", "its yardstick gpu was not evaluated"),
        (Yardstick(np.zeros(1)), "inconclusive", "its yardstick f16 changes no prediction"),
    ],
)
def test_nothing_passes_without_a_yardstick(yardstick: Yardstick, verdict: str, reason: str) -> None:
    found = judge([0.0], yardstick)
    assert found.verdict == verdict
    assert reason in found.reason
    assert found.limit == {"images": 64, "max_ratio": 2}


def test_no_image_and_no_number_is_no_pass() -> None:
    assert judge([], [0.1]).verdict == "not_applicable"
    broken = outcome([0.1])
    broken.mean_abs_diff[0] = np.nan
    gate = ParityGate(yardstick="f16")
    assert judge_ratio(Judged("ir", broken, broken, "f16", 1), gate, Yardstick(np.array([0.1]))).verdict == "error"


def test_another_candidate_is_a_yardstick_by_its_own_errors() -> None:
    found = of_candidate("gpu", outcome([0.25, 0.125, 0.5]), 2)
    assert found.errors is not None
    assert found.errors.tolist() == [0.25, 0.125]


@pytest.mark.parametrize(
    ("share", "uncertainty", "verdict"),
    [(0.5, 0.1, "fail"), (0.499, 0.1, "pass"), (1.0, 1 / 3.3, "fail"), (1.0, 0.31, "pass"), (-1.0, 0.01, "pass")],
)
def test_a_change_of_the_input_that_mends_the_error_fails_it(share: float, uncertainty: float, verdict: str) -> None:
    changes = (
        InputChange(change="the resize filter area", share=share, uncertainty=uncertainty),
        InputChange(change="pixel values times 256/255", share=0.1, uncertainty=0.5),
    )
    found = judge([1 / 64], Yardstick(np.array([1 / 64]), changes=changes))
    assert found.verdict == verdict
    assert ("the resize filter area would take away" in found.reason) == (verdict == "fail")
    assert (found.measured or {}).get("input_change_share") == (share if verdict == "fail" else None)


@pytest.mark.parametrize(("most", "warned"), [(3.9, False), (4.0, True), (1e308, True)])
def test_a_limit_that_no_model_exceeds_is_warned_of(most: float, warned: bool) -> None:
    """All of 1 in another one of 4 classes: 2 / 4 on average, which is 4 times 1/8."""
    rows = outcome([1 / 8, 0.5])
    judged = Judged("ir", rows, rows, "f16", 2, classes=4)
    part = judge_ratio(judged, ParityGate(yardstick="f16", max_ratio=most), Yardstick(np.array([1 / 8, 1 / 8])))
    assert part.verdict == "pass"
    said = f"the limit {most:g} can never be exceeded: probabilities of 4 classes differ by at most 0.5 on average"
    assert (part.warning is not None) == warned
    assert not warned or str(part.warning).startswith(said)
