from __future__ import annotations

from typing import Any

import pytest

from harness.record.schema import DiagnosisPart, MatrixPart
from harness.report.facts.next_step import next_step
from harness.report.facts.verdict import judge
from tests.report import records
from tests.report.records import DROP_PASS, dataset, gate, model, record

OPEN = gate("drop", "ir", "inconclusive", reason="Too few.")
CONFIG = "configs/mobilenet-v2-1.0-224.yml"


def step(**changes: Any) -> str | None:
    run = record(**changes)
    return next_step(run, judge(run))


def test_a_candidate_that_passed_may_ship() -> None:
    assert step() == "ship build/model.xml, or save the counts: `harness baseline update RUN baseline.json`"


def test_among_several_candidates_the_matrix_says_which_may_ship() -> None:
    two = {"models": (model("tf"), model("ir"), model("b")), "matrix": MatrixPart(
        order=("ir", "b"), best="ir", may_ship=("ir",), reason="so")}  # fmt: skip
    assert step(**two) == "save the counts: `harness baseline update RUN baseline.json`"


def test_parity_alone_ships_nothing() -> None:
    run = record()
    run = run.model_copy(update={"config": {**run.config, "only": "parity"}})
    assert next_step(run, judge(run)) == f"judge the accuracy as well: `harness validate {CONFIG}`"


def test_a_failure_with_a_known_mend_gives_it_and_several_are_counted() -> None:
    part = DiagnosisPart(model="ir", cause="color-order", sentence="It is BGR. Set BGR.", mend="Set BGR.")
    failed = {"exit_code": 1, "gates": (gate("parity", "ir", "fail"),)}
    assert step(**failed, diagnosis=(part,)) == "Set BGR"
    several = {"models": (model("tf"), model("ir"), model("b"))}
    assert step(**failed, **several, diagnosis=(part,)) == "ir: Set BGR"
    other = part.model_copy(update={"model": "b"})
    assert step(**failed, diagnosis=(part, other)) == "apply the 2 fixes under Likely cause"


def test_a_failure_without_one_names_the_command_with_the_overrides_of_the_run() -> None:
    failed = {"exit_code": 1, "gates": (gate("parity", "ir", "fail"),)}
    assert step(**failed) == f"find the cause: `harness diagnose {CONFIG}`"
    command = ("harness", "validate", CONFIG, "--set", "a=b c", "--limit", "3", "--set=d=1")
    assert step(**failed, command=command) == f"find the cause: `harness diagnose {CONFIG} --set 'a=b c' --set=d=1`"


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"dataset": dataset(evaluated=0), "gates": ()}, "check the images: `harness dataset inspect PATH`"),
        ({"gates": ()}, "turn on a gate in `gates`"),
        ({"gates": (OPEN,)}, "evaluate more images; `harness plan --whole 650` says how many"),
        (
            {"gates": (OPEN,), "dataset": dataset(images=50_000), "command": ("harness", "validate", "--limit", "650")},
            "run again without --limit, on all 50,000 images",
        ),
        (
            {"gates": (OPEN,), "dataset": dataset(images=50_000)},
            "evaluate more than 650 images; `harness plan` says how many",
        ),
        (
            {"gates": (OPEN,), "dataset": dataset(images=50_000, listed=50_000)},
            f"evaluate all 50,000 images: `harness validate {CONFIG}`",
        ),
        (
            {"gates": (gate("chance", "tf", "inconclusive"), DROP_PASS)},
            f"check labels and preprocessing: `harness diagnose {CONFIG}`",
        ),
    ],
)
def test_nothing_decided_says_how_to_decide(changes: dict[str, Any], wanted: str) -> None:
    assert step(exit_code=5, **changes) == wanted


def test_an_interrupted_run_goes_on_with_the_same_command() -> None:
    stopped = {"status": "incomplete", "exit_code": 130, "gates": ()}
    command = ("harness", "validate", "x.yml", "--out", "old", "--resume", "--limit", "9")
    wanted = "finish the run: `harness validate x.yml --limit 9 --resume --out RUN`"
    assert step(**stopped, command=command) == wanted


def test_a_candidate_that_could_not_run_is_to_be_fixed_and_an_error_of_the_run_says_it_itself() -> None:
    gone = model("npu", status="error", error="no answer", top1=None, top5=None)
    broken = gate("drop", "npu", "error", reason="no answer")
    assert step(exit_code=3, models=(model("tf"), model("ir"), gone), gates=(DROP_PASS, broken)) == (
        "fix npu or remove it from `candidates`, then run again"
    )
    run = records.failed_to_run()
    assert next_step(run, judge(run)) is None


def test_a_baseline_that_does_not_fit_is_to_be_saved_again() -> None:
    assert step(exit_code=4) == "save a new baseline from this run: `harness baseline update RUN FILE`"


def test_no_name_breaks_the_line() -> None:
    run = records.hostile()
    found = next_step(run, judge(run))
    assert found is not None
    assert found.isprintable()
