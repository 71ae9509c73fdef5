"""How fast the last runs went on this machine, in the cache folder: what `harness plan` tells the cost by."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.disk.atomic import write_atomically
from harness.disk.private import foreign, make_private
from harness.disk.versioned_json import parse_json
from harness.errors import RecordError
from harness.record.schema import RunRecord

_FILE = "speeds.json"
_FEWEST = 128  # images of a run whose speed says something
_KEPT = 50


class Speed(BaseModel):
    """One run. ``other_seconds``: before and after the images; ``cached``: the reference inferred nothing."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    name: str = Field(max_length=200)
    started_utc: str = Field(max_length=40)
    cpu: str = Field(max_length=200)
    cores: int = Field(ge=1)
    candidates: int = Field(ge=1)
    cached: bool
    images_per_second: float = Field(gt=0)
    other_seconds: float = Field(ge=0)

    def seconds(self, images: int) -> float:
        """Return what a run of so many images would take, process start to record written."""
        return self.other_seconds + images / self.images_per_second


class _Speeds(BaseModel):
    schema_version: Literal[1] = 1
    runs: tuple[Speed, ...] = ()


def read_speeds(folder: Path) -> tuple[Speed, ...]:
    """Return the speeds of the last runs, the last one first; none if the file is missing or implausible."""
    path = folder / _FILE
    if foreign(path):
        return ()
    try:
        return _Speeds.model_validate(parse_json(path.read_text(encoding="utf-8"))).runs
    except (OSError, ValueError, RecursionError, ValidationError):
        return ()


def speed_of(record: RunRecord) -> Speed | None:
    """Return the speed of a finished run of one process; None if it was too short, resumed, or has no reference."""
    stream, wall = record.timing.get("stream_seconds"), record.timing.get("wall_seconds")
    reference = next((part for part in record.models if part.role == "reference"), None)
    evaluated = record.dataset.evaluated
    if reference is None or not stream or not wall or evaluated < _FEWEST or "--resume" in record.command:
        return None
    if reference.images_per_second is None and not reference.cached:
        return None
    return Speed(
        name=record.name[:200],
        started_utc=record.started_utc,
        cpu=str(record.environment.get("cpu", ""))[:200],
        cores=int(record.environment.get("cores", 1)),
        candidates=max(1, sum(part.status == "ok" for part in record.models) - 1),
        cached=reference.cached,
        images_per_second=evaluated / stream,
        other_seconds=max(0.0, wall - stream),
    )


def keep_speed(folder: Path, record: RunRecord) -> None:
    """Put a run's speed first, and remove that of the previous similar run.

    Nothing is kept if the file cannot be written.
    """
    speed = speed_of(record)
    if speed is None:
        return
    same = (speed.name, speed.cpu, speed.cores, speed.candidates, speed.cached)
    others = [
        item for item in read_speeds(folder) if (item.name, item.cpu, item.cores, item.candidates, item.cached) != same
    ]
    kept = _Speeds(runs=(speed, *others[: _KEPT - 1]))
    with contextlib.suppress(OSError, RecordError):
        make_private(folder)
        text = json.dumps(kept.model_dump(mode="json"), indent=1, allow_nan=False)
        write_atomically(folder / _FILE, text.encode(), private=True)
