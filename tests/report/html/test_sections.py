from __future__ import annotations

from harness.report.facts.summary import summarise
from harness.report.html.sections import (
    about,
    accuracies,
    gate_matrix,
    input_contracts,
    question,
    step_parts,
    timing,
    worst_first,
)
from tests.report import records
from tests.report.records import comparison, gate, model, record


def test_gates_that_passed_are_one_line_and_the_idle_ones_listed_separately() -> None:
    matrix = gate_matrix(record())
    assert (matrix.gates, matrix.rows) == ((), ())
    assert matrix.passed_gates == ("parity", "drop")
    assert matrix.passed_title == "2 gates passed for ir (parity, drop)"
    assert matrix.idle == (("target", "the configuration names no published accuracy"),)
    ((name, role, cells),) = matrix.passed
    assert (name, role) == ("ir", "candidate")
    assert [cell.symbol for parts in cells for cell in parts] == ["✓", "✓"]


def test_a_model_with_both_has_what_failed_in_the_table_and_the_rest_in_the_line() -> None:
    matrix = gate_matrix(record(gates=(gate("parity", "ir", "fail"), gate("drop", "ir", "pass"))))
    assert (matrix.gates, [row[0] for row in matrix.rows]) == (("parity",), ["ir"])
    assert matrix.passed_title == "1 gate passed for ir (drop)"


def test_models_whose_gates_all_passed_have_no_row() -> None:
    run = records.many_candidates(12)
    matrix = gate_matrix(run)
    failed = {part.model for part in run.gates if part.verdict == "fail"}
    assert {row[0] for row in matrix.rows} == failed
    assert {row[0] for row in (*matrix.rows, *matrix.passed)} == {part.model for part in run.gates}
    assert matrix.passed_title == "8 gates passed for 8 models"


def test_an_idle_gate_has_the_reason_of_most_models_that_ran() -> None:
    absent = model("gpu").model_copy(update={"status": "unavailable"})
    gates = [gate("target", name, "not_applicable", reason="nothing published") for name in ("tf", "a", "b")]
    gates += [gate("target", "int8", "not_applicable", reason="switched off")]
    gates += [gate(name, "gpu", "not_applicable", reason="no such device") for name in ("target", "extra")]
    gates += [gate("drop", "a", "pass")]
    run = record(models=(model("tf"), model("a"), model("b"), model("int8"), absent), gates=tuple(gates))
    assert gate_matrix(run).idle == (("target", "nothing published"), ("extra", "no such device"))


def test_the_worst_model_comes_first_and_the_reference_last() -> None:
    gates = (
        gate("target", "tf", "fail"),
        gate("target", "good", "pass"),
        gate("target", "bad", "fail"),
        gate("drop", "doubtful", "inconclusive"),
    )
    models = (model("tf"), model("good"), model("doubtful"), model("bad"))
    run = record(
        models=models, gates=gates, comparisons=(comparison("good"), comparison("bad"), comparison("doubtful"))
    )
    matrix = gate_matrix(run)
    assert [row[0] for row in matrix.rows] == ["bad", "doubtful", "tf"]
    assert [row[0] for row in matrix.passed] == ["good"]
    assert matrix.passed_title == "1 gate passed for good (target)"
    assert worst_first(run, [("tf", "good"), ("tf", "bad")])[0] == ("tf", "bad")


def test_the_question() -> None:
    assert question(record()) == "Does ir match the original (tf)?"
    assert question(records.many_candidates(12)) == "Do all 12 candidates match the original (tf)?"
    assert question(records.failed_to_run()) == "Does the converted model keep the accuracy?"


def test_time_by_stage_against_the_whole_run() -> None:
    run = record(timing={"stream_seconds": 5.0, "wall_seconds": 10.0, "load_seconds": None})
    assert timing(run) == [("wall", "10.0 s", 100.0), ("stream", "5.0 s", 50.0)]
    assert timing(record(timing={"wall_seconds": 0.0})) == [("wall", "0.0 s", 0.0)]
    assert timing(record(timing={})) == []


def test_what_the_models_are_fed() -> None:
    config = {
        "reference": {"id": "tf", "input": {"color": "RGB", "mean": 127.5, "scale": 127.5}},
        "candidates": [{"id": "ir", "input": {"color": "BGR", "mean": 0.0, "scale": 1.0}}, None, {"id": "x"}],
    }
    assert input_contracts(record(config=config)) == {
        "tf": "channel order RGB, (value - 127.5) / 127.5",
        "ir": "channel order BGR, values 0 to 255",
    }
    assert input_contracts(record(config={"candidates": 3})) == {}


def test_the_header_names_model_commit_and_run() -> None:
    commit = {"git_commit": "0123456789abcdef+"}
    assert about(record(environment=commit), "ir") == [
        ("Model", "model.xml", "#model-files"),
        ("Commit", "0123456789+", "#run"),
        ("Run", "2025-01-02 03:04 UTC", "./run.json"),
    ]
    assert [what for what, _, _ in about(records.failed_to_run(), None)] == ["Run"]


def test_the_accuracy_of_both_models_stands_beside_its_change() -> None:
    run = summarise(records.bf16())
    assert accuracies(run, run.comparisons[0]) == [
        ("Top-1", "78.31", "78.15", "lost 0.154"),
        ("Top-5", "93.85", "94.00", "gained 0.154"),
    ]


def test_commands_in_a_sentence_are_code() -> None:
    assert step_parts("find it: `harness x`, then") == (("find it: ", False), ("harness x", True), (", then", False))
    assert step_parts(None) == ()
