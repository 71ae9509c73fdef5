"""The comparison of two run folders has to notice what it is for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.records_equal import compare_runs, main


def write_run(folder: Path, table: dict[str, list[Any]] | None = None, **changes: Any) -> Path:
    record = {
        "started_utc": str(folder),
        "config": {"model": f"{folder}/model.xml"},
        "gates": [{"gate": "drop", "verdict": "pass", "measured": 0.1, "reason": "All predictions match."}],
        "timing": {"wall_seconds": hash(str(folder))},
        **changes,
    }
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(record))
    rows = table or {"image_id": ["a", "b"], "top1": [1, 2], "diff": [float("nan"), 0.5]}
    pq.write_table(pa.table(rows), folder / "predictions.parquet")
    return folder


def gate(**changes: Any) -> list[dict[str, Any]]:
    return [{"gate": "drop", "verdict": "pass", "measured": 0.1, "reason": "All predictions match.", **changes}]


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return write_run(tmp_path / "first")


def test_times_and_folders_do_not_count(first: Path, tmp_path: Path) -> None:
    assert compare_runs(first, write_run(tmp_path / "second")).equal
    assert main([str(first), str(tmp_path / "second")]) == 0


def test_another_sentence_is_listed_but_a_missing_one_counts(first: Path, tmp_path: Path) -> None:
    reworded = compare_runs(first, write_run(tmp_path / "second", gates=gate(reason="No flips.")))
    assert reworded.equal
    assert reworded.sentences == [("gates[0].reason", "All predictions match.", "No flips.")]
    assert not compare_runs(first, write_run(tmp_path / "third", gates=gate(reason=""))).equal


def test_an_added_field_is_named_and_a_missing_one_counts(first: Path, tmp_path: Path) -> None:
    second = write_run(tmp_path / "second", gates=gate(unit="pp"))
    forward = compare_runs(first, second)
    assert forward.equal
    assert forward.added == ['gates[0].unit = "pp"']
    assert compare_runs(second, first).missing == ["gates[0].unit"]


@pytest.mark.parametrize(
    "changed",
    [gate(verdict="fail"), gate(measured=0.1000001), gate(measured=None), gate(measured="0.1"), gate() * 2, []],
)
def test_another_verdict_figure_or_number_of_gates_counts(
    first: Path, tmp_path: Path, changed: list[dict[str, Any]]
) -> None:
    second = write_run(tmp_path / "second", gates=changed)
    assert not compare_runs(first, second).equal
    assert main([str(first), str(second)]) == 1


def test_another_file_name_counts(first: Path, tmp_path: Path) -> None:
    assert not compare_runs(first, write_run(tmp_path / "second", config={"model": "/x/other.xml"})).equal


@pytest.mark.parametrize(
    "rows",
    [
        {"image_id": ["a", "b"], "top1": [1, 3], "diff": [float("nan"), 0.5]},
        {"image_id": ["a", "b"], "top1": [1, 2], "diff": [0.0, 0.5]},
        {"image_id": ["a"], "top1": [1], "diff": [float("nan")]},
        {"image_id": ["a", "b"], "top1": [1, 2]},
    ],
)
def test_another_cell_row_or_column_counts(first: Path, tmp_path: Path, rows: dict[str, list[Any]]) -> None:
    assert not compare_runs(first, write_run(tmp_path / "second", rows)).equal


def test_what_cannot_be_read_is_neither_equal_nor_different(first: Path, tmp_path: Path) -> None:
    assert main([str(first), str(tmp_path / "none")]) == 2
    assert main([]) == 2
