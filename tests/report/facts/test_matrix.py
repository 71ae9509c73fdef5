from __future__ import annotations

from typing import Any

import pytest

from harness.judging.tradeoff import compare_candidates
from harness.record.schema import Agreement, Latency, MatrixPart, Measured, PairPart, RunRecord, SpeedPart
from harness.report.facts.matrix import Matrix, PairCell, _latency, comparison_matrix
from harness.report.facts.summary import summarise
from harness.report.markdown.matrix import section
from tests.report import records
from tests.report.precisions import precisions
from tests.report.records import gate, model, record


def made(run: RunRecord) -> Matrix:
    found = comparison_matrix(run, summarise(run))
    assert found is not None
    return found


def test_the_written_decision_is_what_the_rules_say() -> None:
    run = precisions()
    assert run.matrix == compare_candidates(run.models, run.comparisons, run.gates)


def test_every_candidate_has_a_row_in_the_records_order() -> None:
    rows = made(precisions()).rows
    assert [row.model.id for row in rows] == ["bf16", "f16-weights", "f32", "int8", "npu"]
    assert [row.best for row in rows] == [True, *[False] * 4]
    assert [row.word for row in rows] == ["best, may ship", "may ship", "may ship", "fails", "error"]
    assert [row.gates for row in rows] == ["", "", "", "drop", ""]
    assert [row.compared for row in rows] == [True] * 4 + [False]


def test_the_figures_of_a_row() -> None:
    best, *_, gone = made(precisions()).rows
    assert (best.model.top1.percent, best.model.top5.percent, best.model.images_per_second) == ("78.15", "94.00", "611")
    assert (best.against.top1_drop, best.against.top1_interval) == ("lost 0.154", "[-0.806, +1.166]")
    assert (best.latency, best.megabytes) == ("3.12, 12.6", "14.0")
    assert (gone.latency, gone.against.top1_drop, gone.against.broken, gone.model.images_per_second) == ("n/a",) * 4
    assert (gone.against.candidate, gone.against.worst_image, gone.megabytes) == ("npu", None, "14.0")


def test_conclusion_and_the_reasons_of_those_without_figures() -> None:
    matrix = made(precisions())
    assert matrix.conclusion == ("Ship bf16: the fastest (611 images/s) of 3 candidates that may ship")
    assert matrix.failures == (("npu", "error", "gave no answer within 300 s"),)
    assert matrix.absent == ("device GPU is not there (skipped: gpu)",)
    silent = precisions()
    models = tuple(part.model_copy(update={"error": None}) for part in silent.models)
    assert made(silent.model_copy(update={"models": models})).failures[0][2] == "the record has no reason"


def test_agreement_is_a_triangle_in_the_same_order() -> None:
    matrix = made(precisions())
    assert matrix.names == ("bf16", "f16-weights", "f32", "int8")
    percents = [[cell.percent for cell in cells] for cells in matrix.agreement]
    assert percents == [[], ["97.23"], ["97.54", "99.23"], ["92.77", "93.23", "93.54"]]
    assert matrix.agreement[2][1] == PairCell("99.23", "645/650", 2)


def test_shades_grow_with_the_disagreement_and_equal_answers_have_none() -> None:
    shades = []
    for count in (1000, 999, 994, 980, 969, 899, 0):
        same = Agreement(count=count, total=1000, percent=count / 10)
        run = records.many_candidates(2).model_copy(
            update={"pairwise": (PairPart(first="cpu-00", second="cpu-01", top1_agreement=same),)}
        )
        shades.append(made(run).agreement[1][0].shade)
    assert shades == [0, 1, 2, 3, 4, 5, 5]


def test_a_pair_that_is_missing_is_not_available() -> None:
    run = precisions()
    less = run.model_copy(update={"pairwise": run.pairwise[1:]})  # without f32 and bf16
    assert made(less).agreement[2][0] == PairCell("n/a", "n/a", 0)


def test_one_candidate_needs_no_matrix_and_one_that_is_not_there_counts() -> None:
    assert comparison_matrix(record(), summarise(record())) is None
    gone = model("gpu", status="unavailable", error="no GPU", top1=None, top5=None, images_per_second=None)
    two = record(models=(model("tf"), model("ir"), gone))
    assert [row.word for row in made(two).rows] == ["best, may ship"]
    assert made(two).absent == ("no GPU (skipped: gpu)",)


def test_candidates_of_one_missing_device_share_a_line_and_each_reason_is_said_once() -> None:
    missing: dict[str, Any] = {"status": "unavailable", "device": "GPU", "top1": None, "top5": None}
    none = [model(name, error=f"{name}: GPU not found: install its driver", **missing) for name in ("a", "b")]
    npu = model("c", **(missing | {"device": "NPU"}), error="c: NPU not found")
    lines = made(record(models=(model("tf"), model("ir"), *none, npu))).absent
    assert lines == ("GPU not found: install its driver (skipped: a, b)", "NPU not found (skipped: c)")


def test_an_old_record_without_a_decision_gets_one() -> None:
    old = precisions().model_copy(update={"matrix": None})
    assert made(old) == made(precisions())


def test_a_decision_that_the_gates_contradict_is_not_believed() -> None:
    run = precisions()
    assert run.matrix is not None
    wrong = run.matrix.model_copy(update={"best": "int8", "may_ship": ("int8",)})
    assert made(run.model_copy(update={"matrix": wrong})) == made(run)


def test_a_decision_that_forgot_a_candidate_does_not_hide_it() -> None:
    short = MatrixPart(order=("f32", "another"), best="f32", may_ship=("f32",), reason="so")
    rows = made(precisions().model_copy(update={"matrix": short})).rows
    assert [row.model.id for row in rows] == ["f32", "bf16", "f16-weights", "int8", "npu"]


def test_why_none_may_ship_begins_with_a_capital() -> None:
    run = record(models=(model("tf"), model("a"), model("b")), gates=(gate("drop", "a", "fail"),))
    assert made(run).conclusion == "No candidate may ship: no gate passed for b; drop failed for a"


def test_hidden_characters_of_a_reason_are_written_out() -> None:
    short = MatrixPart(order=("f32",), best="f32", may_ship=("f32",), reason="\x1b[31m")
    matrix = made(precisions().model_copy(update={"matrix": short}))
    assert matrix.conclusion == "Ship f32: \\x1b[31m"


@pytest.mark.parametrize(("batch", "shown"), [(1, "3.12, 12.6"), (32, "3.12, 12.6 per 32"), (None, "3.12, 12.6")])
def test_a_request_of_several_images_says_so(batch: int | None, shown: str) -> None:
    part = model("ir").model_copy(
        update={
            "latency_ms": Latency(median=3.12, percentile95=12.6, requests=9),
            "details": {"batch": batch} if batch else {},
        }
    )
    assert _latency(part) == shown


def measured(median: float, low: float, high: float) -> Measured:
    return Measured(median=median, ci95=(low, high))


def test_speeds_measured_alone_are_shown_with_their_intervals_and_said() -> None:
    speed = SpeedPart(
        rounds=9,
        images=128,
        images_per_second=measured(300, 290, 310),
        latency_median_ms=measured(3, 2.9, 3.1),
        latency_percentile95_ms=measured(4, 3.8, 4.4),
    )
    run = precisions()
    some = [part.model_copy(update={"speed": speed}) if part.id == "f32" else part for part in run.models]
    every = [part.model_copy(update={"speed": speed}) if part.status == "ok" else part for part in run.models]
    row = next(row for row in made(run.model_copy(update={"models": tuple(some)})).rows if row.model.id == "f32")
    assert (row.model.images_per_second, row.latency) == ("300 [290, 310]", "3.00 [2.90, 3.10], 4.00 [3.80, 4.40]")
    alone = "with a 95 % interval: measured alone, in turn, in 9 rounds after the evaluation"
    assert made(run.model_copy(update={"models": tuple(every)})).speeds.endswith(alone)
    said = made(run.model_copy(update={"models": tuple(some)})).speeds
    assert said.endswith(f"{alone}; without an interval approximate: images were decoded then")
    assert made(run).speeds.endswith("are approximate: images were decoded at the same time")
    told = " ".join("\n".join(section(made(run.model_copy(update={"models": tuple(every)})))).split())
    assert alone in told
    assert "300 \\[290, 310\\]" in told or "300 [290, 310]" in told
