"""Whole validations of the test bed's real models by one backend, as reference and as candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from harness import load_config, validate
from harness.engine.run import Options
from harness.record import RunRecord
from tests.conftest import run_harness


def config_of(folder: Path, model: dict[str, Any], dataset: dict[str, Any]) -> Path:
    """Write a configuration with the same model as reference and as candidate; return its path."""
    data = {
        "version": 1,
        "name": "formats",
        "dataset": dataset,
        "reference": {"id": "original", **model},
        "candidates": [{"id": "candidate", **model}],
        "cache": {"folder": "cache"},
    }
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return path


def run(folder: Path, model: dict[str, Any], dataset: dict[str, Any]) -> RunRecord:
    """Validate, never from a cache."""
    config = load_config(config_of(folder, model, dataset))
    return validate(config, Options(out=folder / "run", use_cache=False, quiet=True))


def correct(record: RunRecord) -> dict[str, tuple[int, int]]:
    """Return how many images were correct by Top-1 and Top-5, by model."""
    return {model.id: (model.top1.correct, model.top5.correct) for model in record.models if model.top1 and model.top5}


def stopped(folder: Path, model: dict[str, Any], dataset: dict[str, Any], **environment: str) -> tuple[int, str]:
    """Return the exit code and the message of `harness validate`."""
    config_of(folder, model, dataset)
    out = f"run-{len(list(folder.glob('run-*')))}"
    done = run_harness("validate", "config.yml", "--out", out, cwd=folder, **environment)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr
