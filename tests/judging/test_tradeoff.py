"""The order of candidates and the best trade-off, each rule by a hand-worked case, and properties over random runs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judging.tradeoff import compare_candidates, deciding_gates, standing
from harness.record.schema import (
    Accuracy,
    Agreement,
    ComparisonPart,
    Drop,
    Flips,
    GatePart,
    MatrixPart,
    Measured,
    ModelPart,
    PrecisionPart,
    SpeedPart,
    Verdict,
)

TOTAL = 700


class Run:
    """A run written down candidate by candidate; the reference `tf` comes first."""

    def __init__(self, **reference_verdicts: Verdict) -> None:
        self.models = [self._model("tf", "reference", {})]
        self.comparisons: list[ComparisonPart] = []
        self.gates = self._gates("tf", reference_verdicts)

    def add(self, name: str, verdicts: dict[str, Verdict], broken: int = 0, fixed: int = 0, **changes: Any) -> Run:
        self.models.append(self._model(name, "candidate", changes))
        self.gates += self._gates(name, verdicts)
        if self.models[-1].status == "ok":
            self.comparisons.append(self._comparison(name, broken, fixed))
        return self

    @property
    def matrix(self) -> MatrixPart:
        return compare_candidates(self.models, self.comparisons, self.gates)

    @staticmethod
    def _gates(name: str, verdicts: dict[str, Verdict]) -> list[GatePart]:
        return [GatePart(gate=gate, model=name, verdict=verdict, reason="so") for gate, verdict in verdicts.items()]

    @staticmethod
    def _model(name: str, role: str, changes: dict[str, Any]) -> ModelPart:
        lost = changes.get("status", "ok") != "ok"
        count = Accuracy(correct=600, total=TOTAL, percent=100 * 600 / TOTAL, ci95_percent=(80, 90))
        fields: dict[str, Any] = {
            "id": name,
            "role": role,
            "backend": "openvino",
            "device": "CPU",
            "device_name": "CPU",
            "precision": PrecisionPart(requested="f32", effective="f32"),
            "model": "m.xml",
            "model_sha256": "0",
            "top1": None if lost else count,
            "top5": None if lost else count,
            "images_per_second": None if lost else 100.0,
            "model_bytes": 1000,
        }
        return ModelPart(**(fields | changes))

    @staticmethod
    def _comparison(name: str, broken: int, fixed: int) -> ComparisonPart:
        drop = 100 * (broken - fixed) / TOTAL
        return ComparisonPart(
            reference="tf",
            candidate=name,
            top1_agreement=Agreement(count=TOTAL, total=TOTAL, percent=100.0),
            flips=Flips(fixed=fixed, broken=broken, changed_wrong=0),
            drop=Drop(top1_pp=drop, top5_pp=0.0, top1_ci95_pp=None, top1_p_value=None),
            max_abs_diff=0.0,
            mean_abs_diff=0.0,
        )


PASS: dict[str, Verdict] = {"drop": "pass"}
FAIL: dict[str, Verdict] = {"parity": "pass", "drop": "fail"}
OPEN: dict[str, Verdict] = {"parity": "pass", "drop": "inconclusive"}
OFF: dict[str, Verdict] = {"parity": "not_applicable", "drop": "not_applicable"}


def test_the_fastest_that_may_ship_is_the_best() -> None:
    run = Run().add("slow", PASS, images_per_second=84.9).add("fast", PASS, broken=9, images_per_second=100.0)
    run.add("wrong", FAIL, images_per_second=900.0)
    assert run.matrix.best == "fast"
    assert run.matrix.may_ship == ("fast", "slow")
    assert run.matrix.order == ("fast", "slow", "wrong")
    assert run.matrix.reason == ("the fastest (100 images/s) of 2 candidates that may ship")


def test_near_the_fastest_the_smaller_drop_decides_and_the_edge_is_near() -> None:
    run = Run().add("fast", PASS, broken=1, images_per_second=120.0).add("near", PASS, images_per_second=102.0)
    assert run.matrix.best == "near"
    assert run.matrix.order == ("near", "fast")
    assert run.matrix.reason == (
        "the smallest Top-1 drop (0 pp) among the 2 within 15 % of the fastest (120 images/s); 2 candidates may ship"
    )
    run = Run().add("fast", PASS, broken=1, images_per_second=120.0).add("near", PASS, images_per_second=101.99)
    assert run.matrix.best == "fast"


def test_equal_drops_are_decided_by_the_size_and_then_by_the_configuration() -> None:
    run = Run().add("one", PASS, broken=3, fixed=1, model_bytes=14_000_000)
    run.add("two", PASS, broken=2, model_bytes=7_000_000)  # the same net loss from other flips
    assert run.matrix.best == "two"
    assert "the smallest model (7 MB) with the smallest Top-1 drop (lost 0.286 pp)" in run.matrix.reason
    run = Run().add("one", PASS, images_per_second=99.0).add("two", PASS, images_per_second=100.0)
    assert run.matrix.best == "one"
    assert (
        "first in the configuration, with the smallest Top-1 drop (0 pp) and model size, among the 2"
        in run.matrix.reason
    )


def test_a_gain_is_a_smaller_drop() -> None:
    run = Run().add("same", PASS).add("gains", PASS, fixed=1)
    assert run.matrix.best == "gains"
    assert "(gained 0.143 pp)" in run.matrix.reason


def test_the_order_within_those_that_may_ship_is_by_speed_but_the_best_is_on_top() -> None:
    run = Run().add("a", PASS, broken=5, images_per_second=300.0).add("b", PASS, images_per_second=290.0)
    run.add("c", PASS, images_per_second=10.0).add("d", PASS, images_per_second=200.0)
    assert run.matrix.order == ("b", "a", "d", "c")


def test_without_any_speed_drop_size_and_configuration_decide_and_the_sentence_says_so() -> None:
    cached: dict[str, Any] = {"images_per_second": None, "cached": True}
    run = Run().add("a", PASS, broken=1, **cached).add("b", PASS, **cached).add("c", PASS, broken=2, **cached)
    assert run.matrix.order == ("b", "a", "c")
    assert run.matrix.reason == (
        "the smallest Top-1 drop (0 pp) among the 3 candidates that may ship; no speed was measured (cached)"
    )


def alone(median: float, low: float, high: float) -> SpeedPart:
    some = Measured(median=1, ci95=(1, 1))
    rate = Measured(median=median, ci95=(low, high))
    return SpeedPart(rounds=9, images=64, images_per_second=rate, latency_median_ms=some, latency_percentile95_ms=some)


def test_speeds_measured_alone_are_equal_where_their_intervals_overlap() -> None:
    """10 % apart would be equal in passing; measured alone the slower one's interval ends before the faster one's."""
    run = Run().add("fast", PASS, broken=3, speed=alone(100, 98, 102)).add("exact", PASS, speed=alone(90, 88, 97.9))
    assert (run.matrix.best, run.matrix.reason) == ("fast", "the fastest (100 images/s) of 2 candidates that may ship")
    run = Run().add("fast", PASS, broken=3, speed=alone(100, 98, 102)).add("exact", PASS, speed=alone(90, 88, 98))
    assert run.matrix.best == "exact"
    assert "among the 2 as fast, by overlapping intervals, as the fastest (100 images/s)" in run.matrix.reason


def test_a_speed_measured_alone_counts_before_one_in_passing_and_where_the_cache_answered() -> None:
    run = Run().add("a", PASS, images_per_second=500, speed=alone(50, 49, 51))
    run.add("b", PASS, images_per_second=None, cached=True, speed=alone(70, 69, 71))
    assert run.matrix.best == "b"


def test_a_missing_speed_is_not_the_fastest_and_is_told() -> None:
    run = Run().add("a", PASS, images_per_second=None, cached=True).add("b", PASS, broken=9, images_per_second=1.0)
    assert run.matrix.order == ("b", "a")
    assert run.matrix.reason.endswith("; no speed was measured for 1 of them (cached)")


def test_missing_size_and_missing_drop_come_last() -> None:
    run = Run().add("unknown", PASS, model_bytes=None).add("known", PASS, model_bytes=10**12)
    assert run.matrix.best == "known"
    run = Run().add("unknown", PASS).add("known", PASS, broken=100)
    run.comparisons = [part for part in run.comparisons if part.candidate == "known"]
    assert run.matrix.best == "known"


def test_every_standing_has_its_place_and_no_candidate_is_missing() -> None:
    run = Run()
    run.add("gone", OFF, status="unavailable", error="no GPU").add("crashed", {"drop": "error"}, status="error")
    run.add("worse", FAIL, broken=20).add("bad", FAIL, broken=10).add("open", OPEN).add("unasked", OFF, broken=1)
    run.add("nan", {"parity": "error"}).add("good", PASS)
    assert run.matrix.order == ("good", "open", "unasked", "bad", "worse", "crashed", "nan", "gone")
    assert run.matrix.may_ship == ("good",)
    assert run.matrix.reason == "the only candidate that may ship"
    stands = [standing(name, run.models, run.gates) for name in run.matrix.order]
    assert stands == ["ships", *["undecided"] * 2, *["fails"] * 2, *["error"] * 2, "unavailable"]


@pytest.mark.parametrize(
    ("verdicts", "expected", "deciding"),
    [
        ({"parity": "fail", "drop": "error"}, "fails", ("parity",)),
        ({"parity": "inconclusive", "drop": "error"}, "error", ("drop",)),
        ({"parity": "fail", "target": "fail", "drop": "inconclusive"}, "fails", ("parity", "target")),
        ({"parity": "pass", "target": "not_applicable", "drop": "pass"}, "ships", ()),
        ({"parity": "not_applicable"}, "undecided", ()),
        ({}, "undecided", ()),
    ],
)
def test_the_most_serious_gate_decides(verdicts: dict[str, Verdict], expected: str, deciding: tuple[str, ...]) -> None:
    run = Run().add("a", verdicts)
    assert standing("a", run.models, run.gates) == expected
    assert deciding_gates("a", run.gates) == deciding


def test_a_certified_run_ships_by_the_gate_certify() -> None:
    early: dict[str, Verdict] = {"parity": "pass", "drop": "not_applicable", "certify": "pass"}
    late: dict[str, Verdict] = {"parity": "pass", "drop": "not_applicable", "certify": "inconclusive"}
    stopped: dict[str, Verdict] = {"parity": "fail", "drop": "not_applicable", "certify": "not_applicable"}
    run = Run().add("stopped", stopped).add("late", late).add("early", early)
    assert run.matrix.order == ("early", "late", "stopped")
    assert run.matrix.may_ship == ("early",)


def test_with_all_gates_off_nobody_may_ship() -> None:
    matrix = Run().add("a", OFF).add("b", OFF).matrix
    assert (matrix.best, matrix.may_ship) == (None, ())
    assert matrix.reason == "no candidate may ship: no gate passed for a, b"


def test_why_none_may_ship_names_each_reason_once() -> None:
    run = Run().add("w", FAIL).add("x", FAIL).add("y", OPEN).add("gone", OFF, status="unavailable")
    run.add("crashed", {"drop": "error"}, status="error").add("nan", {"parity": "error", "drop": "error"})
    assert run.matrix.reason == (
        "no candidate may ship: drop inconclusive for y; drop failed for w, x; no evaluation of crashed; "
        "parity and drop could not be judged for nan; no device for gone"
    )
    many = Run()
    for number in range(5):
        many.add(f"c{number}", FAIL)
    assert many.matrix.reason == "no candidate may ship: drop failed for 5 candidates"


def test_nothing_ships_against_a_reference_that_fails_itself() -> None:
    run = Run(target="fail").add("a", PASS).add("b", FAIL)
    assert run.matrix.may_ship == ()
    assert run.matrix.order == ("a", "b")
    assert "the reference tf has 'fail' at target, so nothing is proven for a" in run.matrix.reason
    assert Run(target="not_applicable").add("a", PASS).matrix.best == "a"


def test_no_candidate_at_all() -> None:
    assert Run().matrix == MatrixPart(order=(), best=None, may_ship=(), reason="there is no candidate")


_VERDICTS = st.dictionaries(
    st.sampled_from(["parity", "target", "drop"]),
    st.sampled_from(["pass", "fail", "inconclusive", "not_applicable", "error"]),
)
_CANDIDATES = st.lists(
    st.tuples(
        _VERDICTS,
        st.integers(0, 3),
        st.sampled_from([None, 50.0, 94.0, 95.0, 99.0, 100.0]),
        st.sampled_from([None, 1, 2]),
        st.sampled_from(["ok", "ok", "ok", "error", "unavailable"]),
    ),
    max_size=7,
)


@given(_CANDIDATES)
def test_the_best_against_brute_force(candidates: list[tuple[dict[str, Verdict], int, float | None, int, str]]) -> None:
    run = Run()
    for number, (verdicts, broken, speed, size, status) in enumerate(candidates):
        changes: dict[str, Any] = {"images_per_second": speed, "model_bytes": size, "status": status}
        run.add(f"c{number}", verdicts, broken=broken, **changes)
    matrix = run.matrix
    assert sorted(matrix.order) == [f"c{number}" for number in range(len(candidates))]
    wanted = [
        number
        for number, (verdicts, _, _, _, status) in enumerate(candidates)
        if status == "ok" and set(verdicts.values()) <= {"pass", "not_applicable"} and "pass" in verdicts.values()
    ]
    assert sorted(matrix.may_ship) == [f"c{number}" for number in wanted]
    assert matrix.order[: len(wanted)] == matrix.may_ship
    if not wanted:
        assert matrix.best is None
        return
    assert matrix.best == matrix.order[0]
    speeds = [candidates[number][2] or 0.0 for number in wanted]
    near = [n for n, speed in zip(wanted, speeds, strict=True) if 100 * speed >= 85 * max(speeds)]
    infinity = float("inf")
    assert matrix.best == f"c{min(near, key=lambda n: (candidates[n][1], candidates[n][3] or infinity, n))}"
