"""The gate `flips` at its boundaries, on a subset, with near-ties, off, and on what cannot be judged."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from harness.config.gates import FlipsGate, Gates
from harness.judging.flips_gate import judge_flips
from harness.judging.gates import errors_for, judge_model
from harness.judging.judged import Judged
from harness.metrics.outcome import Outcome, with_bad_rows
from harness.record.schema import GatePart
from tests.judging.test_gates import rows


def pair(broken: int, fixed: int, total: int, near: int = 0, moved: float = 2**-7) -> tuple[Outcome, Outcome]:
    """Return reference and candidate: of the broken images the first ``near`` have a margin of 2**-7, others of 1/2."""
    stay = total - broken - fixed
    reference = rows([1] * broken + [2] * fixed + [1] * stay)
    best = np.zeros((total, 5), np.float32)
    best[:, 0] = 0.75
    best[:, 1] = 0.25
    best[:near, 1] = 0.75 - 2**-7
    reference = dataclasses.replace(reference, top5_probabilities=best)
    return reference, rows([2] * broken + [1] * fixed + [1] * stay, moved)


def judge(
    reference: Outcome, candidate: Outcome, whole: int | None = None, *, declared: bool = True, **gate: float
) -> GatePart:
    size = len(candidate) if whole is None else whole
    return judge_flips(Judged("ir", candidate, reference, "f32", size, declared), FlipsGate(**gate))


class TestWholeSet:
    @pytest.mark.parametrize(("broken", "verdict"), [(0, "pass"), (3, "pass"), (4, "fail")])
    def test_the_boundary_passes(self, broken: int, verdict: str) -> None:
        part = judge(*pair(broken, 0, 1000), max_percent=0.3)
        assert part.verdict == verdict
        assert (part.measured or {})["broken_percent"] == pytest.approx(broken / 10)

    def test_what_is_fixed_makes_nothing_good(self) -> None:
        assert judge(*pair(20, 900, 1000), max_percent=1).verdict == "fail"

    def test_near_ties_are_told_apart(self) -> None:
        part = judge(*pair(4, 0, 1000, near=3), max_percent=1, max_real_percent=0.1)
        assert part.verdict == "pass"
        assert part.measured == {
            "images": 1000,
            "broken_percent": pytest.approx(0.4),
            "real_percent": pytest.approx(0.1),
            "tie_margin": 2**-6,
        }
        assert part.limit == {"max_percent": 1, "max_real_percent": 0.1}
        assert "; 3 of 4 are near-ties: the reference's best two differ by at most 0.016" in part.reason
        real = judge(*pair(4, 0, 1000, near=2), max_percent=1, max_real_percent=0.1)
        assert (real.verdict, real.reason.startswith("2 of them no near-tie")) == ("fail", True)

    def test_near_ties_count_in_the_first_limit(self) -> None:
        assert judge(*pair(4, 0, 1000, near=4), max_percent=0.3).verdict == "fail"

    def test_a_candidate_that_moves_everything_breaks_decided_images(self) -> None:
        part = judge(*pair(300, 0, 1000, near=5, moved=1.0), max_percent=99, max_real_percent=1)
        assert (part.verdict, (part.measured or {})["real_percent"]) == ("fail", 29.5)


class TestSubset:
    """Expected ends by solving the score equation (p - share)^2 = z^2 p (1 - p) / n for p."""

    @staticmethod
    def ends(count: int, total: int) -> list[float]:
        z = 1.959963984540054
        share = count / total
        roots = np.roots([1 + z**2 / total, -(2 * share + z**2 / total), share**2])
        return sorted(100 * float(root) for root in roots)

    @pytest.mark.parametrize("count", [0, 1, 7])
    def test_the_interval_decides(self, count: int) -> None:
        low, high = self.ends(count, 500)
        reference, candidate = pair(count, 0, 500)
        assert judge(reference, candidate, 5000, max_percent=high + 1e-6).verdict == "pass"
        assert judge(reference, candidate, 5000, max_percent=high - 1e-6).verdict == "inconclusive"
        if count:
            assert judge(reference, candidate, 5000, max_percent=low - 1e-6).verdict == "fail"

    def test_few_images_that_nobody_called_the_whole_set_are_a_sample(self) -> None:
        part = judge(*pair(0, 0, 48), declared=False, max_percent=1)
        assert part.verdict == "inconclusive"
        assert "write `dataset.images: 48`" in part.reason
        assert judge(*pair(0, 0, 48), max_percent=1).verdict == "pass"

    def test_a_certified_run_that_stopped_early_proves_nothing(self) -> None:
        reference, candidate = pair(0, 0, 500)
        part = judge_flips(Judged("ir", candidate, reference, "f32", 5000), FlipsGate(), stops_early=True)
        assert part.verdict == "not_applicable"


def test_bad_images_are_no_flips_and_of_nothing_but_them_nothing_is_said() -> None:
    good = np.array([True, False])
    reference, candidate = (with_bad_rows(outcome, good) for outcome in pair(0, 0, 1))
    assert judge(reference, candidate, max_percent=0).verdict == "pass"
    nothing = with_bad_rows(rows([]), np.array([False, False]))
    assert judge(nothing, nothing).verdict == "not_applicable"


def test_differences_that_are_no_numbers_make_no_near_tie() -> None:
    part = judge(*pair(2, 0, 4, near=2, moved=math.nan), max_percent=60, max_real_percent=0)
    assert part.verdict == "fail"


def test_off_by_default_and_named_where_it_is_on() -> None:
    reference, candidate = pair(0, 0, 4)
    judged = Judged("ir", candidate, reference, "f32", 4)
    assert [part.gate for part in judge_model(judged, Gates(), None)] == ["parity", "target", "drop"]
    on = Gates(flips=FlipsGate())
    assert [part.gate for part in judge_model(judged, on, None)] == ["parity", "target", "drop", "flips"]
    named = errors_for(["tf", "ir"], ["ir"], "no device", added={"ir": on.added})
    assert [(part.model, part.gate) for part in named][-1] == ("ir", "flips")


@pytest.mark.parametrize(("most", "warned"), [(59.9, False), (60.0, True), (99.9, True)])
def test_a_limit_above_the_reference_s_own_accuracy_is_warned_of(most: float, warned: bool) -> None:
    """Of 10 images the reference has 6 right: more than 60 % cannot be broken."""
    reference, candidate = rows([1] * 6 + [2] * 4), rows([1] * 5 + [2] * 5)
    part = judge(reference, candidate, max_percent=most)
    expected = f"the limit {most:g} % for flips can never fail, because the reference reaches only 60.00 %"
    assert (part.verdict, part.warning) == ("pass", expected if warned else None)
