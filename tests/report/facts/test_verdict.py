from __future__ import annotations

from typing import Any

import pytest

from harness.report.facts.verdict import judge
from tests.report import records
from tests.report.records import DROP_PASS, PARITY_PASS, TARGET_OFF, dataset, gate, record


def test_pass() -> None:
    assert judge(record()).line == (
        "PASS (exit 0): 2 gates passed for candidate ir on 650 images; Top-1 unchanged; max |Δp| 3.5e-06;"
        " not applicable: target"
    )


def test_one_failed_gate_has_its_figures() -> None:
    verdict = judge(records.bf16())
    assert verdict.line == ("FAIL (exit 1): parity failed for candidate ir: max |Δp| 0.26 on 64 images, limit 0.001")
    assert verdict.kind == "fail"


def test_failed_gates_of_one_model_name_it_once() -> None:
    drop = gate("drop", "ir", "fail", measured={"top1_pp": 14.15}, limit={"top1_max_pp": 0.1})
    parity = records.bf16().gates[0]
    assert judge(record(exit_code=1, gates=(parity, drop))).sentence == (
        "2 gates failed for candidate ir: parity (max |Δp| 0.26 on 64 images, limit 0.001);"
        " drop (Top-1 lost 14.15 pp, limit 0.10 pp)"
    )


def test_many_failed_gates_are_counted_and_the_first_ones_named() -> None:
    assert judge(records.many_candidates()).line == (
        "FAIL (exit 1): 4 gates failed: parity for candidate cpu-00 (max |Δp| 0.5 on 64 images, limit 0.001);"
        " parity for candidate cpu-03 (max |Δp| 0.5 on 64 images, limit 0.001);"
        " parity for candidate cpu-06 (max |Δp| 0.5 on 64 images, limit 0.001); and 1 more"
    )


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"dataset": dataset(evaluated=0)}, "INCONCLUSIVE (exit 5): no image was evaluated"),
        ({"gates": ()}, "INCONCLUSIVE (exit 5): no gate applied; the record has none"),
        (
            {"gates": (TARGET_OFF,)},
            "INCONCLUSIVE (exit 5): no gate applied (target: the configuration names no published accuracy)",
        ),
        (
            {"gates": (PARITY_PASS, gate("drop", "ir", "inconclusive", reason="About 21,000 images would decide."))},
            "INCONCLUSIVE (exit 5): drop is inconclusive for candidate ir: About 21,000 images would decide",
        ),
        (
            {"gates": [gate("drop", name, "inconclusive", reason="Few.") for name in ("a", "b", "c", "d")]},
            (
                "INCONCLUSIVE (exit 5): 4 gates are inconclusive: drop for model a,"
                " drop for model b, drop for model c, drop for model d (Few)"
            ),
        ),
    ],
)
def test_inconclusive(changes: dict[str, Any], line: str) -> None:
    assert judge(record(exit_code=5, **changes)).line == line


def test_too_few_images_is_said_once() -> None:
    subset = dataset(images=50_000)
    few = "Top-1 drop 1 pp, about 21,000 images would decide; Top-5 drop 1 pp, about 21,000 images would decide."
    (one, other) = (gate("drop", name, "inconclusive", reason=few) for name in ("ir", "int8"))
    assert judge(record(exit_code=5, dataset=subset, gates=(PARITY_PASS, one))).line == (
        "INCONCLUSIVE (exit 5): too few images (650 of 50,000) to decide drop for candidate ir"
    )
    assert judge(record(exit_code=5, dataset=subset, gates=(PARITY_PASS, one, other))).line == (
        "INCONCLUSIVE (exit 5): too few images (650 of 50,000) to decide 2 gates: drop for candidate ir;"
        " drop for model int8"
    )


def test_interrupted() -> None:
    verdict = judge(records.interrupted())
    assert verdict.kind == "interrupted"
    assert verdict.line == (
        "INTERRUPTED (exit 130): 128 of 650 images were evaluated before the run stopped; no verdict"
    )


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"exit_code": 3, "error": "no bin\nconvert"}, "ERROR (exit 3): no bin"),
        ({"exit_code": 3, "error": "\n"}, "ERROR (exit 3): the evaluation could not be completed"),
        ({"exit_code": 70, "error": "ValueError: x"}, "BUG (exit 70): ValueError: x"),
        (
            {"exit_code": 3, "gates": (gate("parity", "ir", "error", reason="NaN in an output."),)},
            "ERROR (exit 3): parity could not be judged for candidate ir: NaN in an output",
        ),
    ],
)
def test_error(changes: dict[str, Any], line: str) -> None:
    assert judge(record(status="error", **changes)).line == line


@pytest.mark.parametrize(
    ("code", "word"), [(2, "ERROR"), (3, "ERROR"), (4, "BASELINE NOT COMPARABLE"), (70, "ERROR"), (99, "ERROR")]
)
def test_a_complete_run_with_another_exit_code_is_no_pass(code: int, word: str) -> None:
    verdict = judge(record(exit_code=code))
    assert (verdict.kind, verdict.word) == ("error", word)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"dataset": dataset(evaluated=0)}, "no image was evaluated"),
        ({"gates": ()}, "no gate passed"),
        ({"gates": (TARGET_OFF,)}, "no gate passed"),
        ({"gates": (DROP_PASS, gate("parity", "ir", "fail"))}, "gate parity is 'fail' for candidate ir"),
        ({"gates": (DROP_PASS, gate("parity", "ir", "error"))}, "gate parity is 'error' for candidate ir"),
        ({"gates": (PARITY_PASS, gate("drop", "ir", "inconclusive"))}, "gate drop is 'inconclusive' for candidate ir"),
    ],
)
def test_a_record_that_does_not_bear_out_its_success_is_no_pass(changes: dict[str, Any], why: str) -> None:
    verdict = judge(record(exit_code=0, **changes))
    assert verdict.kind == "error"
    assert verdict.line == f"INCONSISTENT RECORD (exit 0): exit code 0, but {why}"


def test_exit_1_without_a_failed_gate_says_so() -> None:
    assert judge(record(exit_code=1)).sentence == "a gate failed, but the record does not say which"


@pytest.mark.parametrize("status", ["incomplete", "error"])
def test_a_run_that_did_not_complete_never_passes(status: str) -> None:
    assert judge(record(status=status, exit_code=0)).kind in ("interrupted", "error")


def test_the_verdict_is_one_line_whatever_the_names() -> None:
    line = judge(records.hostile()).line
    assert line.isprintable()
