"""Every gate at its boundary, off, on a subset, and on nothing; and the exit code that the verdicts mean."""

from __future__ import annotations

import itertools
import json
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config.schema import DropGate, Gates, ParityGate, Published, TargetGate
from harness.judging.exit_codes import exit_code
from harness.judging.gates import errors_for, judge_drop, judge_model, judge_parity, judge_target
from harness.judging.judged import Judged
from harness.metrics.outcome import Outcome, empty_outcome, with_bad_rows
from harness.metrics.statistics import Z95
from harness.record.schema import GatePart, Verdict


def rows(ranks: Any, differences: Any = 0.0) -> Outcome:
    """Return an outcome whose labels have the given ranks, and whose probabilities differ by so much."""
    rank = np.asarray(ranks, np.int32)
    count = len(rank)
    return Outcome(
        top1=np.where(rank == 1, 7, 8).astype(np.int32),
        top5=np.zeros((count, 5), np.int32),
        top5_probabilities=np.zeros((count, 5), np.float32),
        probability_of_label=np.zeros(count, np.float32),
        top1_probability=np.zeros(count, np.float32),
        rank_of_label=rank,
        max_abs_diff=np.broadcast_to(np.asarray(differences, np.float32), (count,)).copy(),
        mean_abs_diff=np.zeros(count, np.float64),
    )


def model(top1: int, top5: int, total: int) -> Outcome:
    """Return an outcome with so many images right at first, so many among the five, of so many."""
    return rows([1] * top1 + [5] * (top5 - top1) + [6] * (total - top5))


def judged(outcome: Outcome, reference: Outcome | None = None, whole: int | None = None) -> Judged:
    return Judged("ir", outcome, reference, "f32", len(outcome) if whole is None else whole)


class TestParity:
    def judge(self, differences: Any, **gate: Any) -> GatePart:
        return judge_parity(judged(rows([1] * len(differences), differences)), ParityGate(**gate))

    @pytest.mark.parametrize("limit", [1.0e-3, 0.1, 0.3, 2.0**-10, 1e-6, 0.0])
    def test_the_boundary_passes_and_the_next_number_does_not(self, limit: float) -> None:
        at = np.float32(limit)  # the limit as written, in the precision of the probabilities
        assert self.judge([0.0, at], max_abs_diff=limit).verdict == "pass"
        beyond = self.judge([0.0, np.nextafter(at, np.float32(1))], max_abs_diff=limit)
        assert beyond.verdict == "fail"
        assert "; 1 of 2 images exceed it" in beyond.reason

    def test_what_is_measured(self) -> None:
        part = self.judge([3.5e-6, 1e-7, 0.0])
        assert part.verdict == "pass"
        assert part.measured == {"images": 3, "max_abs_diff": 3.5e-6}
        assert part.limit == {"images": 64, "max_abs_diff": 0.001}
        expected = "the largest difference of a probability on the first 3 images at f32 is 3.5e-06, limit 0.001"
        assert part.reason == expected

    def test_the_reason_shows_on_which_side_it_lies(self) -> None:
        assert " is 0.001002, limit" in self.judge([0.001002]).reason
        assert " is 0.26, limit" in self.judge([0.2612]).reason

    def test_only_the_first_images(self) -> None:
        differences = [0.0] * 64 + [1.0]
        assert self.judge(differences).verdict == "pass"
        assert self.judge(differences, images=65).verdict == "fail"
        assert self.judge(differences[1:]).verdict == "fail"

    def test_bad_images_are_left_out_but_not_replaced(self) -> None:
        outcome = with_bad_rows(rows([1, 1], [0.0, 0.5]), np.array([True, False, True]))
        part = judge_parity(judged(outcome), ParityGate(images=2))
        assert (part.verdict, part.measured) == ("pass", {"images": 1, "max_abs_diff": 0.0})
        assert judge_parity(judged(outcome), ParityGate(images=3)).verdict == "fail"

    @pytest.mark.parametrize("outcome", [empty_outcome(), with_bad_rows(empty_outcome(), np.array([False]))])
    def test_nothing_compared_never_passes(self, outcome: Outcome) -> None:
        part = judge_parity(judged(outcome), ParityGate())
        assert (part.verdict, part.measured) == ("not_applicable", None)
        assert part.reason == "no image was compared"

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_what_is_not_finite_is_an_error_and_no_number(self, value: float) -> None:
        part = self.judge([0.0, value, 0.0])
        assert part.verdict == "error"
        assert part.measured == {"images": 3, "max_abs_diff": None}
        assert exit_code([part], evaluated=3) == 3
        json.dumps(part.model_dump(), allow_nan=False)


class TestTarget:
    PUBLISHED = Published(top1_percent=71.85, top5_percent=90.69, images=50_000)

    def judge(self, top1: int, top5: int, total: int = 50_000, **tolerance: float) -> GatePart:
        return judge_target(judged(model(top1, top5, total), whole=50_000), TargetGate(**tolerance), self.PUBLISHED)

    def test_the_boundary_below(self) -> None:
        # 71.85 - 0.10 = 71.75 % of 50,000 is 35,875 images; 90.69 - 0.10 = 90.59 % is 45,295.
        at = self.judge(35_875, 45_295)
        assert (at.verdict, at.warning) == ("pass", None)
        assert at.measured == {"top1_percent": 71.75, "top5_percent": 90.59}
        assert at.limit == {"top1_percent_at_least": 71.75, "top5_percent_at_least": 90.59}
        below = self.judge(35_874, 45_295)
        assert below.verdict == "fail"
        assert below.reason.startswith("below the published accuracy: Top-1 71.748 %")
        assert "Top-5" not in below.reason
        assert self.judge(35_875, 45_294).verdict == "fail"
        assert "Top-5" in self.judge(35_875, 45_294).reason

    def test_the_boundary_above(self) -> None:
        # 71.95 % is 35,975 images, 90.79 % is 45,395.
        assert self.judge(35_975, 45_395).warning is None
        above = self.judge(35_976, 45_395)
        assert above.verdict == "pass"
        assert above.warning is not None
        assert "another protocol" in above.warning
        assert self.judge(35_975, 45_396).warning is not None

    def test_no_tolerance(self) -> None:
        assert self.judge(35_925, 45_345, top1_tolerance_pp=0, top5_tolerance_pp=0).verdict == "pass"
        assert self.judge(35_924, 45_345, top1_tolerance_pp=0, top5_tolerance_pp=0).verdict == "fail"

    @given(st.integers(0, 7185), st.integers(1, 20))
    def test_every_boundary_in_decimals(self, tolerance: int, scale: int) -> None:
        # So many images that a hundredth of a percent is a whole number of them.
        total, published = 10_000 * scale, Published(top1_percent=71.85, top5_percent=100, images=None)
        least = (7185 - tolerance) * scale
        gate = TargetGate(top1_tolerance_pp=tolerance / 100, top5_tolerance_pp=100)

        def verdict(correct: int) -> str:
            ranks = np.full(total, 1, np.int8)
            ranks[correct:] = 2
            return judge_target(judged(rows(ranks)), gate, published).verdict

        assert verdict(least) == "pass"
        if least:
            assert verdict(least - 1) == "fail"

    def test_the_difference_of_two_decimals_is_a_decimal(self) -> None:
        # As binary numbers, 68.43 minus a tolerance is a little too large for 723 of these 1000 tolerances.
        assert 68.43 - 0.02 > 68.41
        for hundredths in range(0, 1000, 3):
            ranks = np.full(10_000, 1, np.int8)
            ranks[6843 - hundredths :] = 2
            gate = TargetGate(top1_tolerance_pp=hundredths / 100, top5_tolerance_pp=100)
            numbers = Published(top1_percent=68.43, top5_percent=100)
            assert judge_target(judged(rows(ranks)), gate, numbers).verdict == "pass", hundredths

    @pytest.mark.parametrize(
        ("evaluated", "whole", "published"),
        [(650, 50_000, 50_000), (650, 650, 50_000), (650, 50_000, 650), (0, 0, None)],
    )
    def test_only_the_whole_set(self, evaluated: int, whole: int, published: int | None) -> None:
        numbers = Published(top1_percent=71.85, top5_percent=90.69, images=published)
        part = judge_target(judged(model(evaluated, evaluated, evaluated), whole=whole), TargetGate(), numbers)
        assert part.verdict == "not_applicable"
        assert part.measured is None
        assert "evaluated" in part.reason

    def test_the_size_of_the_published_set_is_the_whole_set_s_unless_stated(self) -> None:
        numbers = Published(top1_percent=71.85, top5_percent=90.69)
        assert judge_target(judged(model(650, 650, 650)), TargetGate(), numbers).verdict == "pass"

    def test_bad_images_count_as_wrong(self) -> None:
        good = np.array([True] * 9 + [False])
        outcome = with_bad_rows(model(9, 9, 9), good)
        numbers = Published(top1_percent=90, top5_percent=90)
        tolerance = TargetGate(top1_tolerance_pp=0, top5_tolerance_pp=0)
        part = judge_target(judged(outcome), tolerance, numbers)
        assert (part.verdict, part.measured) == ("pass", {"top1_percent": 90.0, "top5_percent": 90.0})

    def test_nothing_published(self) -> None:
        part = judge_target(judged(model(1, 1, 1)), TargetGate(), None)
        assert (part.verdict, part.reason) == ("not_applicable", "the configuration names no published accuracy")


class TestDropOnTheWholeSet:
    def judge(self, before: Outcome, after: Outcome, **gate: float) -> GatePart:
        return judge_drop(judged(after, before), DropGate(**gate))

    @pytest.mark.parametrize(("lost", "verdict"), [(0, "pass"), (1, "pass"), (2, "fail")])
    def test_a_tenth_of_a_point_of_a_thousand_images_is_one_image(self, lost: int, verdict: str) -> None:
        part = self.judge(model(800, 900, 1000), model(800 - lost, 900, 1000))
        assert part.verdict == verdict
        assert part.measured == {"top1_pp": lost / 10, "top5_pp": 0.0}
        assert part.limit == {"top1_max_pp": 0.1, "top5_max_pp": 0.1}
        assert self.judge(model(800, 900, 1000), model(800, 900 - lost, 1000)).verdict == verdict

    @given(st.integers(0, 100), st.integers(1, 20))
    def test_every_boundary_in_decimals(self, hundredths: int, scale: int) -> None:
        total, allowed = 10_000 * scale, hundredths * scale
        before = rows(np.ones(total, np.int8))

        def verdict(lost: int) -> str:
            ranks = np.ones(total, np.int8)
            ranks[:lost] = 2
            return self.judge(before, rows(ranks), top1_max_pp=hundredths / 100).verdict

        assert verdict(allowed) == "pass"
        assert verdict(allowed + 1) == "fail"

    def test_only_a_loss_fails(self) -> None:
        part = self.judge(model(500, 500, 1000), model(900, 950, 1000))
        assert part.verdict == "pass"
        assert part.measured == {"top1_pp": -40.0, "top5_pp": -45.0}
        assert "Top-1 gained 40.00 pp on all 1,000 images (0 broken, 400 fixed)" in part.reason

    def test_flips_that_cancel_are_no_drop(self) -> None:
        part = self.judge(rows([1, 6, 1, 6]), rows([6, 1, 1, 6]))
        assert part.verdict == "pass"
        assert "Top-1 unchanged on all 4 images (1 broken, 1 fixed)" in part.reason

    def test_the_reason_of_a_failure_names_only_what_failed(self) -> None:
        part = self.judge(model(800, 900, 1000), model(700, 900, 1000))
        assert part.reason == "Top-1 lost 10.00 pp on all 1,000 images (100 broken, 0 fixed), limit 0.1 pp"

    def test_more_images_than_declared_are_no_subset(self) -> None:
        part = judge_drop(judged(model(9, 9, 10), model(9, 9, 10), whole=8), DropGate())
        assert part.verdict == "pass"

    def test_other_images_are_refused(self) -> None:
        with pytest.raises(ValueError, match="rows"):
            self.judge(model(1, 1, 1), model(5, 5, 5))


class TestDropOnASubset:
    def judge(self, broken: int, fixed: int, total: int, whole: int = 50_000, **gate: float) -> GatePart:
        same = total - broken - fixed
        before, after = rows([1] * broken + [2] * fixed + [1] * same), rows([2] * broken + [1] * fixed + [1] * same)
        return judge_drop(judged(after, before, whole), DropGate(**gate))

    def test_inconclusive_with_the_images_that_would_decide(self) -> None:
        part = self.judge(0, 0, 650)
        assert part.verdict == "inconclusive"
        half = 100 * Z95**2 / (650 + Z95**2)
        assert f"paired 95 % interval [{-half:+.3f}, {half:+.3f}] pp" in part.reason
        assert "about 3,838 images would decide (`harness plan --drop 0.1 --whole " in part.reason
        assert part.measured == {"top1_pp": 0.0, "top5_pp": 0.0}

    @pytest.mark.parametrize(("total", "verdict"), [(3837, "inconclusive"), (3838, "pass")])
    def test_the_boundary_of_pass(self, total: int, verdict: str) -> None:
        # Without a flip the interval ends at z^2 / (n + z^2), which is 0.1 pp at n = 3837.6.
        assert self.judge(0, 0, total).verdict == verdict

    def test_fail_when_none_of_it_is_within(self) -> None:
        part = self.judge(60, 10, 650)
        assert part.verdict == "fail"
        assert "entirely above the limit" in part.reason

    def test_a_gain_alone_never_fails(self) -> None:
        assert self.judge(0, 60, 650, top5_max_pp=1).verdict == "pass"

    def test_when_only_the_whole_set_would_decide(self) -> None:
        part = self.judge(0, 0, 650, whole=700)
        assert part.verdict == "inconclusive"
        assert "only the whole set of 700 images would decide" in part.reason

    def test_top5_has_a_limit_of_its_own(self) -> None:
        assert self.judge(0, 0, 4000, top5_max_pp=0.01).verdict == "inconclusive"
        assert "Top-5" in self.judge(0, 0, 4000, top5_max_pp=0.01).reason
        assert "Top-1" not in self.judge(0, 0, 4000, top5_max_pp=0.01).reason

    def test_fail_wins_over_inconclusive(self) -> None:
        before = model(600, 640, 650)
        part = judge_drop(judged(model(500, 640, 650), before, 50_000), DropGate())
        assert part.verdict == "fail"
        assert part.reason.startswith("Top-1")


@pytest.mark.parametrize("bad", [0, 3])
def test_drop_of_nothing_never_passes(bad: int) -> None:
    nothing = with_bad_rows(empty_outcome(), np.zeros(bad, np.bool_))
    part = judge_drop(judged(nothing, nothing), DropGate())
    assert (part.verdict, part.reason) == ("not_applicable", "no image was evaluated")


class TestJudge:
    def test_a_reference_is_only_held_against_the_target(self) -> None:
        assert [part.gate for part in judge_model(judged(model(1, 1, 2)), Gates(), None)] == ["target"]

    def test_a_candidate_is_held_against_all(self) -> None:
        parts = judge_model(judged(model(1, 1, 2), model(1, 1, 2)), Gates(), None)
        assert [part.gate for part in parts] == ["parity", "target", "drop"]
        assert all(part.model == "ir" for part in parts)

    def test_a_gate_that_is_off_is_recorded(self) -> None:
        parts = judge_model(judged(model(1, 1, 2), model(1, 1, 2)), Gates(parity=None, target=None, drop=None), None)
        assert [part.verdict for part in parts] == ["not_applicable"] * 3
        assert {part.reason for part in parts} == {"turned off in the configuration"}
        assert exit_code(parts, evaluated=2) == 5

    def test_every_part_can_be_written_as_json(self) -> None:
        for part in judge_model(judged(model(1, 1, 2), model(1, 1, 2)), Gates(), TestTarget.PUBLISHED):
            json.dumps(part.model_dump(), allow_nan=False)


def part(verdict: Verdict) -> GatePart:
    return GatePart(gate="g", model="m", verdict=verdict, reason="r")


class TestExitCode:
    VERDICTS: tuple[Verdict, ...] = ("pass", "fail", "inconclusive", "not_applicable", "error")

    def test_the_more_serious_wins_in_every_mixture_and_order(self) -> None:
        for count in range(1, 4):
            for mixture in itertools.product(self.VERDICTS, repeat=count):
                # 3 over 1, 1 over 5, and a pass only where something passed and nothing else was decided otherwise.
                code = 3 if "error" in mixture else 1 if "fail" in mixture else 5
                if code == 5 and "inconclusive" not in mixture and "pass" in mixture:
                    code = 0
                assert exit_code([part(verdict) for verdict in mixture], evaluated=10) == code, mixture

    @pytest.mark.parametrize("verdicts", [[], ["pass"], ["not_applicable"], ["inconclusive"]])
    def test_nothing_evaluated_never_passes(self, verdicts: list[Verdict]) -> None:
        assert exit_code([part(verdict) for verdict in verdicts], evaluated=0) == 5

    def test_no_gate_at_all(self) -> None:
        assert exit_code([], evaluated=10) == 5

    def test_a_generator_is_read_once(self) -> None:
        assert exit_code((part(verdict) for verdict in ("pass", "fail")), evaluated=1) == 1


def test_errors_for_names_every_gate_of_every_model() -> None:
    parts = errors_for(["tf", "ir"], ["ir"], "no device", added={})
    expected = [("tf", "target"), ("ir", "parity"), ("ir", "target"), ("ir", "drop")]
    assert [(item.model, item.gate) for item in parts] == expected
    assert {(item.verdict, item.reason) for item in parts} == {("error", "no device")}


def test_decimals_are_what_was_written() -> None:
    # 0.1 is no binary number: three times it is more than 0.3. A limit of 0.3 pp is 3 images of 1000 all the same.
    assert Fraction(0.1) * 3 > Fraction("0.3")
    before = model(1000, 1000, 1000)
    for tenths in range(1, 100):
        after = model(1000 - tenths, 1000, 1000)
        assert judge_drop(judged(after, before), DropGate(top1_max_pp=tenths / 10)).verdict == "pass"


@pytest.mark.parametrize(
    ("top1", "top5", "declared", "verdict", "words"),
    [
        (0.1, 5, True, "fail", "Top-1 lost 6.25 pp on all 48 images"),
        (0.1, 5, False, "fail", "Top-5 lost 6.25 pp on all 48 images (3 broken, 0 fixed), limit 5 pp"),
        (5, 0.1, False, "fail", "Top-1 lost 6.25 pp on all 48 images (3 broken, 0 fixed), limit 5 pp"),
        (0.1, 10, False, "inconclusive", "one image weighs 2.08 pp, more than the limit of 0.1 pp"),
        (10, 10, False, "pass", "on all 48 images"),
    ],
)
def test_a_limit_that_one_image_exceeds_hides_no_failure_of_the_other(
    top1: float, top5: float, declared: bool, verdict: str, words: str
) -> None:
    """3 of 48 images are 6.25 pp in both; one is 2.08 pp, so 5 pp are judged by counts even where no size is stated."""
    both = Judged("ir", rows([1] * 45 + [6] * 3), rows([1] * 48), "f32", 48, declared=declared)
    part = judge_drop(both, DropGate(top1_max_pp=top1, top5_max_pp=top5))
    assert part.verdict == verdict
    assert words in part.reason


@pytest.mark.parametrize(("most", "warned"), [(49.9, False), (50, True), (60, True)])
def test_a_limit_that_the_whole_accuracy_is_within_is_warned_of(most: float, warned: bool) -> None:
    """The reference is right on 5 of 10, in Top-1 and Top-5: a candidate cannot lose more than 50 pp."""
    both = Judged("ir", rows([1] * 5 + [6] * 5), rows([1] * 5 + [6] * 5), "f32", 10)
    part = judge_drop(both, DropGate(top1_max_pp=most, top5_max_pp=10))
    expected = f"the limit {most:g} pp for Top-1 can never fail, because the reference reaches only 50.00 %"
    assert (part.verdict, part.warning) == ("pass", expected if warned else None)
