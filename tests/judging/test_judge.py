"""One judgement from shard tables, without any model: counts by brute force, gates in order, the exit code."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import Loaded, ModelSpec
from harness.config.schema import Candidate, Config, Reference
from harness.dataset.manifest import Manifest
from harness.judging.evaluation import EvaluatedModel, Evaluation, ImageFacts
from harness.judging.judge import judge, unfinished
from harness.metrics.outcome import Outcome, score, with_bad_rows
from harness.record.schema import GatePart
from harness.record.shard_table import Failure, ShardTable

SHARDS = (range(4), range(4, 8), range(8, 11))
ROWS, CLASSES = 11, 7
BAD = 5


def probabilities(seed: int) -> Any:
    values = np.random.default_rng(seed).random((ROWS, CLASSES), np.float32)
    return values / values.sum(axis=1, keepdims=True)


ANSWERS = {"tf": probabilities(1), "ir": probabilities(2), "int8": probabilities(1)}
LABELS = np.random.default_rng(9).integers(0, CLASSES, ROWS).astype(np.int32)
LABELS[:8] = ANSWERS["tf"][:8].argmax(axis=1)  # of a reference that is clearly better than guessing


def config(**changes: Any) -> Config:
    fed = {"input": {"color": "RGB"}, "output": "o"}
    data: dict[str, Any] = {
        "version": 1,
        "name": "n",
        "dataset": {"path": "set", "images": ROWS, "bad_images": {"policy": "wrong", "max": 3}},
        "reference": {"id": "tf", "model": "m.pb", **fed},
        "candidates": [{"id": name, "model": f"{name}.xml", **fed} for name in ("ir", "int8")],
        "gates": {"parity": {"images": ROWS, "max_abs_diff": 0.0}, "drop": {"top1_max_pp": 100, "top5_max_pp": 100}},
    }
    data.update(changes)
    return Config.model_validate(data)


def table(index: int, rows: range, names: tuple[str, ...]) -> ShardTable:
    good = np.array([row != BAD for row in rows])
    chosen = np.array(rows)[good]

    def outcome(name: str) -> Outcome:
        reference = None if name == "tf" else ANSWERS["tf"][chosen]
        return with_bad_rows(score(ANSWERS[name][chosen], LABELS[chosen], reference), good)

    return ShardTable(
        index=index,
        rows=rows,
        image_digests=tuple(bytes([row]) for row in rows),
        signatures=tuple(str(row) for row in rows),
        bad={BAD: "cut off"} if BAD in rows else {},
        outcomes={name: outcome(name) for name in names},
        seconds=dict.fromkeys(names, 0.5),
    )


def evaluation(settings: Config | None = None, failed: dict[str, Failure] | None = None, **changes: Any) -> Evaluation:
    settings, failed = settings or config(), failed or {}
    names = tuple(name for name in ANSWERS if name not in failed)
    configured: tuple[Reference | Candidate, ...] = settings.models
    models = tuple(
        EvaluatedModel(
            configured=item,
            spec=ModelSpec(item.id, str(item.model), item.input, item.output_name, size=224, outputs=CLASSES),
            sha256=item.id * 8,
            bytes=10,
            reported=None if item.id in failed else Loaded("fake", "CPU", "a CPU", "bf16", item.id * 8),
            failure=failed.get(item.id),
            contract={"color": "BGR"} if item.id == "ir" else None,
        )
        for item in configured
    )
    return Evaluation(
        config=settings,
        images=ImageFacts("list", ROWS, Manifest(tuple(f"{row}.jpg" for row in range(ROWS)), LABELS)),
        models=models,
        tables=tuple(table(index, rows, names) for index, rows in enumerate(SHARDS)),
        **changes,
    )


def right(name: str, rows: list[int]) -> int:
    return sum(int(np.argmax(ANSWERS[name][row])) == LABELS[row] for row in rows)


def test_counts_are_those_of_a_plain_loop_with_bad_images_wrong() -> None:
    found = judge(evaluation())
    rows = [row for row in range(ROWS) if row != BAD]
    for part in found.models:
        assert part.top1 is not None
        assert (part.top1.correct, part.top1.total) == (right(part.id, rows), ROWS)
        assert part.images_per_second == 10 / 1.5
        assert part.precision.effective == "bf16"
    assert found.models[1].details == {"contract": {"color": "BGR"}}
    assert [part.candidate for part in found.comparisons] == ["ir", "int8"]
    pair = found.pairwise[0]
    same = sum(int(np.argmax(ANSWERS["ir"][row])) == int(np.argmax(ANSWERS["int8"][row])) for row in rows)
    assert (pair.first, pair.second, pair.top1_agreement.count, pair.top1_agreement.total) == ("ir", "int8", same, 10)
    assert found.dataset.evaluated == found.predictions.num_rows == ROWS
    assert [bad.id for bad in found.dataset.bad_images] == ["5.jpg"]


def test_the_policy_skip_leaves_a_bad_image_out_of_every_count() -> None:
    settings = config(dataset={"path": "set", "images": ROWS, "bad_images": {"policy": "skip", "max": 3}})
    found = judge(evaluation(settings))
    assert found.dataset.evaluated == found.predictions.num_rows == ROWS - 1
    assert "5.jpg" not in found.predictions["image_id"].to_pylist()
    assert "on 10 of 11 images" in next(part.reason for part in found.gates if part.gate == "drop")


def test_the_order_of_tables_changes_nothing() -> None:
    whole = evaluation()
    first = judge(whole)
    for tables in itertools.permutations(whole.tables):
        again = judge(dataclasses.replace(whole, tables=tables))
        # As text, because a bad image's NaN equals no NaN.
        assert str(again.predictions.to_pydict()) == str(first.predictions.to_pydict())
        assert dataclasses.replace(again, predictions=first.predictions) == first


def test_gates_follow_the_models_and_the_matrix_the_gates() -> None:
    found = judge(evaluation())
    assert [(part.model, part.gate) for part in found.gates] == [
        ("tf", "target"),
        *((model, gate) for model in ("ir", "int8") for gate in ("parity", "target", "drop")),
    ]
    verdicts = {(part.model, part.gate): part.verdict for part in found.gates}
    assert (verdicts["ir", "parity"], verdicts["int8", "parity"]) == ("fail", "pass")
    assert found.exit_code == 1
    assert found.matrix is not None
    assert (found.matrix.best, found.matrix.may_ship) == ("int8", ("int8",))


@pytest.mark.parametrize(("unavailable", "verdict", "code"), [(True, "not_applicable", 0), (False, "error", 3)])
def test_a_failed_candidate_has_every_gate_with_its_reason(unavailable: bool, verdict: str, code: int) -> None:
    found = judge(evaluation(failed={"ir": Failure("ir: no device\nmore", unavailable)}))
    own = [part for part in found.gates if part.model == "ir"]
    assert [(part.gate, part.verdict, part.reason) for part in own] == [
        (gate, verdict, "no device") for gate in ("parity", "target", "drop")
    ]
    assert found.models[1].error == "ir: no device\nmore"
    assert [part.candidate for part in found.comparisons] == ["int8"]
    assert found.exit_code == code


def test_certify_stands_beside_each_drop_and_decides_a_part_of_the_set() -> None:
    certified = {name: GatePart(gate="certify", model=name, verdict="pass", reason="proven") for name in ("ir", "int8")}
    whole = evaluation(certified=certified)
    gates = judge(whole).gates
    assert [part.gate for part in gates if part.model == "ir"] == ["parity", "target", "drop", "certify"]
    assert all(part.verdict == "pass" for part in gates if part.gate == "drop")
    some = judge(dataclasses.replace(whole, tables=whole.tables[:1]))
    drops = [part for part in some.gates if part.gate == "drop"]
    assert [part.verdict for part in drops] == ["not_applicable"] * 2
    assert all(part.measured is None and part.limit == {"top1_max_pp": 100, "top5_max_pp": 100} for part in drops)


def test_a_baseline_that_is_missing_is_a_verdict(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    settings = config(gates={"parity": None, "baseline": {"file": str(file)}})
    found = judge(evaluation(settings))
    missing = [part for part in found.gates if part.gate == "baseline"]
    assert [(part.model, part.verdict) for part in missing] == [(name, "error") for name in ("tf", "ir", "int8")]
    assert f"harness baseline update RUN {file}" in missing[0].reason
    assert found.exit_code in (1, 4)


def test_nothing_evaluated_never_passes() -> None:
    found = judge(dataclasses.replace(evaluation(), tables=()))
    assert (found.exit_code, found.dataset.evaluated, found.comparisons, found.pairwise) == (5, 0, (), ())


def test_an_unfinished_evaluation_has_counts_and_no_verdict() -> None:
    whole = evaluation()
    found = unfinished(dataclasses.replace(whole, tables=whole.tables[:2]), 130, "interrupted\nby hand")
    assert (found.exit_code, found.dataset.evaluated, found.matrix, found.comparisons) == (130, 8, None, ())
    assert {(part.verdict, part.reason) for part in found.gates} == {("error", "interrupted")}
    assert len(found.gates) == 7
