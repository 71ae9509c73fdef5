"""The data that a tracker gets about a run: a plain value, made from the record alone."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeGuard

from harness.record.schema import RunRecord
from harness.report.facts.verdict import judge

FILES = ("run.json", "report.html", "report.md", "junit.xml", "predictions.parquet")
_LONGEST = 500  # characters of a parameter: what every MLflow server takes
_FORBIDDEN = re.compile(r"[^\w.\- /]", re.ASCII)  # in names, by MLflow's rules, which are the narrower ones


@dataclass(frozen=True)
class Entry:
    """One run for a tracker. ``metrics``: finite numbers, units in their names; ``started_ms``: since the epoch, UTC.

    ``files``: those of the run's reports that are there. ``completed``: the evaluation was; a gate may
    have failed.
    """

    project: str
    name: str
    started_ms: int
    completed: bool
    metrics: dict[str, float]
    parameters: dict[str, str]
    tags: dict[str, str]
    files: tuple[Path, ...]


def entry_of(record: RunRecord) -> Entry:
    """Return the data for a tracker from a record that was read from its folder."""
    folder = record.stored_in
    return Entry(
        project=_name(record.name),
        name=f"{_name(record.name)} {record.started_utc}",
        started_ms=_milliseconds(record.started_utc),
        completed=record.status == "complete",
        metrics={_name(key): value for key, value in _metrics(record).items() if _is_number(value)},
        parameters={
            _name(key): str(value)[:_LONGEST] for key, value in _parameters(record).items() if value is not None
        },
        tags={"verdict": judge(record).word, "exit_code": str(record.exit_code), "status": record.status},
        files=tuple(folder / name for name in FILES if (folder / name).is_file()),
    )


def _metrics(record: RunRecord) -> dict[str, float | None]:
    found: dict[str, float | None] = {
        "exit_code": record.exit_code,
        "images": record.dataset.evaluated,
        "wall_seconds": record.timing.get("wall_seconds"),
    }
    for model in record.models:
        found[f"{model.id}.top1_percent"] = model.top1.percent if model.top1 else None
        found[f"{model.id}.top5_percent"] = model.top5.percent if model.top5 else None
        found[f"{model.id}.images_per_second"] = model.images_per_second
    for part in record.comparisons:
        found[f"{part.candidate}.top1_drop_pp"] = part.drop.top1_pp
        found[f"{part.candidate}.top5_drop_pp"] = part.drop.top5_pp
        found[f"{part.candidate}.top1_agreement_percent"] = part.top1_agreement.percent
        found[f"{part.candidate}.flips_broken"] = part.flips.broken
        found[f"{part.candidate}.flips_fixed"] = part.flips.fixed
        found[f"{part.candidate}.max_abs_diff"] = part.max_abs_diff
    return found


def _parameters(record: RunRecord) -> dict[str, object]:
    found: dict[str, object] = {
        "dataset": record.dataset.name,
        "dataset.images": record.dataset.images,
        "dataset.fingerprint": record.dataset.fingerprint,
        "harness": record.harness_version,
        "git_commit": record.environment.get("git_commit"),
    }
    for model in record.models:
        found[f"{model.id}.backend"] = model.backend
        found[f"{model.id}.device"] = model.device
        found[f"{model.id}.precision"] = model.precision.effective
        found[f"{model.id}.sha256"] = model.model_sha256
    versions = record.environment.get("versions")
    if isinstance(versions, dict):
        found |= {f"version.{name}": version for name, version in versions.items()}
    return found


def _name(text: str) -> str:
    return _FORBIDDEN.sub("_", text)[:200] or "_"


def _is_number(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _milliseconds(utc: str) -> int:
    try:
        return int(datetime.fromisoformat(utc).timestamp() * 1000)
    except ValueError:
        return 0
