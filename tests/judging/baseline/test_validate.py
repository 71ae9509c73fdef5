"""Baselines and comparison of real runs, through the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Tiny, run_harness, write_config, write_images


def _with_baseline(data: dict[str, Any]) -> None:
    data["gates"] = {"baseline": {"file": "accepted/baseline.json"}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny: Tiny) -> Path:
    folder = tmp_path_factory.mktemp("baseline-runs")
    write_images(folder / "images", 20)
    write_config(folder, tiny, _with_baseline)
    return folder


def test_from_a_missing_baseline_to_a_pass(folder: Path) -> None:
    first = run_harness("validate", "config.yml", "--out", "first", cwd=folder)
    assert first.returncode == 4, first.stdout + first.stderr
    assert "harness baseline update RUN" in first.stdout
    record = json.loads((folder / "first" / "run.json").read_text(encoding="utf-8"))
    assert (record["status"], record["exit_code"]) == ("complete", 4)
    assert {gate["verdict"] for gate in record["gates"] if gate["gate"] == "baseline"} == {"error"}
    assert '<error type="error"' in (folder / "first" / "junit.xml").read_text(encoding="utf-8")

    assert run_harness("baseline", "update", "first", "accepted/baseline.json", cwd=folder).returncode == 0
    second = run_harness("validate", "config.yml", "--out", "second", cwd=folder)
    assert second.returncode == 0, second.stdout + second.stderr
    assert run_harness("baseline", "check", "second", "accepted/baseline.json", cwd=folder).returncode == 0

    subset = run_harness("validate", "config.yml", "--out", "subset", "--limit", 10, cwd=folder)
    assert subset.returncode == 4
    assert "10 images were evaluated, but 20 for the baseline" in " ".join(subset.stdout.split())

    setting = "dataset.preprocess.crop_fraction=1.0"
    other = run_harness("validate", "config.yml", "--out", "other", "--set", setting, cwd=folder)
    assert other.returncode == 4
    assert "crop_fraction 0.875 then, 1.0 now" in " ".join(other.stdout.split())

    compared = run_harness("compare", "first", "second", "--json", cwd=folder)
    assert compared.returncode == 0, compared.stderr
    found = json.loads(compared.stdout)
    assert [model["flips"]["broken"] for model in found["models"]] == [0, 0]
    refused = run_harness("compare", "first", "subset", cwd=folder)
    assert refused.returncode == 4
    assert "only in first: 10" in refused.stderr


def test_github_gets_summary_and_annotations(folder: Path) -> None:
    environment = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_WORKSPACE": str(folder),
    }
    run = run_harness(
        "validate",
        "config.yml",
        "--out",
        "github",
        "--json",
        "--set",
        "gates.baseline.file=none.json",
        cwd=folder,
        **environment,
    )
    assert run.returncode == 4
    assert json.loads(run.stdout)["exit_code"] == 4  # one JSON document and nothing else
    assert "::error file=config.yml,title=baseline could not be judged for candidate ir::" in run.stderr
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert summary == (folder / "github" / "report.md").read_text(encoding="utf-8")
    absent = run_harness("validate", "absent.yml", cwd=folder, **environment)
    assert absent.returncode == 2
    assert "::error title=not completed::absent.yml: no such configuration" in absent.stderr


def test_github_gets_the_report_of_a_run_that_was_not_completed(folder: Path) -> None:
    summary = folder / "unfinished.md"
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    setting = "candidates.ir.output=Net/Nothing"
    run = run_harness("validate", "config.yml", "--out", "broken", "--set", setting, cwd=folder, **environment)
    assert run.returncode == 2  # a name that is not in the model is a mistake in the configuration
    assert run.stderr.count("::error") == 1
    assert summary.read_text(encoding="utf-8") == (folder / "broken" / "report.md").read_text(encoding="utf-8")
