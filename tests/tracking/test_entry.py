from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.tracking.entry import entry_of
from tests.report.records import bf16, comparison, hostile, interrupted, record


def test_figures_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "report.md").write_text("x", encoding="utf-8")
    (tmp_path / "other.txt").write_text("x", encoding="utf-8")
    entry = entry_of(record().in_folder(tmp_path))
    assert entry.project == "mobilenet-v2-1.0-224"
    assert entry.started_ms == 1735787045000  # 2025-01-02T03:04:05Z, by `date -u -d ... +%s`
    assert entry.completed
    assert entry.metrics["tf.top1_percent"] == pytest.approx(100 * 509 / 650)
    assert entry.metrics["ir.top5_percent"] == pytest.approx(100 * 610 / 650)
    assert entry.metrics["ir.top1_drop_pp"] == 0
    assert entry.metrics["ir.images_per_second"] == 412.9
    assert entry.metrics["wall_seconds"] == 12.345
    assert entry.parameters["ir.device"] == "CPU"
    assert entry.parameters["version.openvino"] == "2025.3.0"
    assert "git_commit" not in entry.parameters  # not known
    assert entry.tags == {"verdict": "PASS", "exit_code": "0", "status": "complete"}
    assert entry.files == (tmp_path / "report.md",)


def test_a_failed_gate_completes_and_an_interrupted_run_does_not(tmp_path: Path) -> None:
    assert entry_of(bf16().in_folder(tmp_path)).tags["verdict"] == "FAIL"
    assert entry_of(bf16().in_folder(tmp_path)).completed
    assert not entry_of(interrupted().in_folder(tmp_path)).completed


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    entry = entry_of(record(comparisons=(comparison(max_abs_diff=None),)).in_folder(tmp_path))
    assert "ir.max_abs_diff" not in entry.metrics
    json.dumps(entry.metrics, allow_nan=False)


def test_names_from_outside_are_names(tmp_path: Path) -> None:
    entry = entry_of(hostile().in_folder(tmp_path))
    for name in (entry.project, *entry.metrics, *entry.parameters):
        assert name.replace("_", "").replace(".", "").replace("-", "").replace(" ", "").replace("/", "").isalnum()
        assert name.isascii()
    assert all(len(value) <= 500 for value in entry.parameters.values())
