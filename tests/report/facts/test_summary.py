from __future__ import annotations

import io
from typing import Any

from harness.record.schema import Agreement, BadImage, Drop, Flips, GatePart, Verdict
from harness.report.facts.summary import AccuracyText, gate_row, gate_rows, summarise
from harness.report.markdown import report as markdown
from harness.report.terminal.summary import print_summary
from tests.report import records
from tests.report.records import accuracy, comparison, dataset, gate, model, record


def test_rows_of_a_faithful_candidate() -> None:
    summary = summarise(record())
    assert summary.scope == "val: 650 images (the whole set)"
    assert summary.candidates == 1
    reference, candidate = summary.models
    assert (reference.id, reference.role, reference.precision) == ("tf", "reference", "f32")
    assert candidate.top1 == AccuracyText("78.31", "[74.98, 81.30]", "509/650")
    assert candidate.top5 == AccuracyText("93.85", "[91.73, 95.45]", "610/650")
    assert candidate.images_per_second == "413"


def test_a_precision_that_is_not_what_was_asked_shows_both() -> None:
    reference, candidate = summarise(records.bf16()).models
    assert candidate.precision == "device_default → bf16"
    assert reference.images_per_second == "cached"


def test_rows_of_a_comparison() -> None:
    (row,) = summarise(records.bf16()).comparisons
    assert (row.agreement_percent, row.agreement_counts) == ("97.54", "634/650")
    assert (row.broken, row.fixed, row.changed_wrong) == ("4", "3", "9")
    assert (row.top1_drop, row.top1_interval) == ("lost 0.154", "[-0.806, +1.166]")
    assert (row.top5_drop, row.p_value) == ("gained 0.154", "1.000")
    assert (row.max_abs_diff, row.mean_abs_diff) == ("0.26", "8.3e-05")


def test_the_headline_has_both_accuracies_of_the_candidate_that_lost_most() -> None:
    assert summarise(record()).headline == "Converted model kept its accuracy: 78.31 % Top-1"
    assert summarise(records.bf16()).headline == "Converted model lost 0.154 pp: 78.31 to 78.15 % Top-1"
    both = record(models=(model("tf"), model("ir"), model("b")), comparisons=(comparison(), comparison("b")))
    assert summarise(both).headline == "No candidate lost accuracy: 78.31 % Top-1"
    worse = comparison("int8", drop=Drop(top1_pp=800 / 650, top5_pp=0.0, top1_ci95_pp=None, top1_p_value=None))
    models = (model("tf"), model("ir"), model("int8", top1=accuracy(501, 650, None)))
    run = record(models=models, comparisons=(comparison(), worse))
    assert summarise(run.model_copy(update={"exit_code": 3})).headline is None
    assert summarise(run).headline == "int8 lost 1.2 pp: 78.3 to 77.1 % Top-1"
    assert summarise(records.failed_to_run()).headline is None


def test_gates_come_worst_first_and_keep_their_order_within_a_verdict() -> None:
    order = ("pass", "not_applicable", "inconclusive", "fail", "error", "fail")
    gates = tuple(gate(f"g{number}", "ir", verdict) for number, verdict in enumerate(order))
    assert [row.gate for row in summarise(record(gates=gates)).gates] == ["g3", "g5", "g4", "g2", "g0", "g1"]


def test_missing_figures_are_not_available_and_never_blank() -> None:
    empty = record(
        models=(model("tf", top1=None, top5=accuracy(0, 0, None), images_per_second=None),),
        comparisons=(
            comparison(
                top1_agreement=Agreement(count=0, total=0, percent=None),
                flips=Flips(fixed=0, broken=0, changed_wrong=0),
                drop=Drop(top1_pp=None, top5_pp=None, top1_ci95_pp=None, top1_p_value=None),
                max_abs_diff=None,
                mean_abs_diff=None,
                worst_image=None,
            ),
        ),
    )
    summary = summarise(empty)
    (row,), (part,) = summary.models, summary.comparisons
    assert row.top1 == AccuracyText("n/a", "n/a", "n/a")
    assert row.top5 == AccuracyText("n/a", "n/a", "0/0")
    assert row.images_per_second == "n/a"
    assert {part.agreement_percent, part.top1_drop, part.top1_interval, part.top5_interval, part.p_value} == {"n/a"}
    assert (part.max_abs_diff, part.mean_abs_diff, part.worst_image) == ("n/a", "n/a", None)


def test_warnings_of_run_and_gates_are_shown_once_each() -> None:
    warned = gate("target", "ir", "pass", warning="above the published accuracy")
    summary = summarise(record(warnings=("one", "one", "two"), gates=(warned,)))
    assert summary.warnings == ("one", "two", "target on ir: above the published accuracy")


def test_bad_images_name_their_policy() -> None:
    bad = dataset(bad_images=(BadImage(id="a", reason="cut off"), BadImage(id="b", reason="no image")))
    assert summarise(record(dataset=bad)).bad_images == ("2 bad images: the run stops (policy: fail)")
    skipped = bad.model_copy(update={"bad_images_policy": "skip"})
    assert "excluded from every count" in (summarise(record(dataset=skipped)).bad_images or "")
    assert summarise(record()).bad_images is None


def verdict_of(name: str, model: str, verdict: Verdict, reason: str, **figures: Any) -> GatePart:
    return GatePart(gate=name, model=model, verdict=verdict, reason=reason, **figures)


def test_intervals_of_a_run_that_could_stop_early_are_no_proof() -> None:
    certify = {"top1_max_drop_pp": 0.1, "confidence": 0.95, "seed": 0}
    early = record(config={"certify": certify}, dataset=dataset(images=50_000))
    note = summarise(early).interval_note
    assert note is not None
    assert "see the gate certify for what is proven" in note
    out = io.StringIO()
    print_summary(early, out, 200)
    assert note in " ".join(out.getvalue().split())
    assert note in markdown.render(early)
    assert summarise(record(config={"certify": certify})).interval_note is None  # the whole set: exact counts
    assert summarise(record(config={"certify": None}, dataset=dataset(images=50_000))).interval_note is None


class TestGateRows:
    def test_gates_of_a_model_that_say_the_same_stand_in_one_row(self) -> None:
        parts = [
            verdict_of(name, model, "error", "gone") for model in ("a", "b") for name in ("parity", "target", "drop")
        ]
        found = gate_rows([gate_row(part) for part in parts])
        assert [(row.gate, row.model) for row in found.shown] == [
            ("parity, target, drop", "a"),
            ("parity, target, drop", "b"),
        ]
        assert (found.folded, found.title) == ((), "")

    def test_rows_with_figures_or_other_verdicts_keep_their_rows(self) -> None:
        limit = {"limit": {"top1_max_pp": 0.1}}
        parts = [verdict_of("drop", "a", "error", "x", **limit), verdict_of("other", "a", "error", "x", **limit)]
        parts += [verdict_of("parity", "a", "fail", "x"), verdict_of("target", "a", "error", "x")]
        assert len(gate_rows([gate_row(part) for part in parts]).shown) == 4

    def test_in_a_crowd_those_that_need_no_action_are_folded_and_counted(self) -> None:
        quiet = [verdict_of(f"g{n}", "a", "pass", f"r{n}") for n in range(10)]
        quiet += [verdict_of(name, "b", "not_applicable", "off") for name in ("parity", "drop")]
        few = gate_rows([gate_row(part) for part in quiet])
        assert (len(few.shown), few.folded) == (11, ())  # 12 gates; two of them say the same
        found = gate_rows([gate_row(part) for part in [*quiet, verdict_of("drop", "a", "fail", "lost")]])
        assert [row.word for row in found.shown] == ["FAIL"]
        assert len(found.folded) == 11
        assert found.title == "10 gates passed, 2 not applicable"

    def test_without_any_that_passed_all_are_shown(self) -> None:
        found = gate_rows([gate_row(verdict_of(f"g{n}", "a", "fail", "x", measured={"a": n})) for n in range(20)])
        assert (len(found.shown), found.folded) == (20, ())
