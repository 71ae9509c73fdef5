"""Which runs of a suite prepare the same images in the same way, and so need one decode."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.capsule.configuration import load
from harness.capsule.opened import is_capsule
from harness.config import Config
from harness.config.suite import LoadedSuite, PlannedRun, told_where
from harness.engine.identity import pixels_key
from harness.errors import HarnessError


@dataclass(frozen=True)
class CheckedRun:
    """A run whose configuration was read. ``error``: why it cannot be used; ``key``: of its prepared images."""

    planned: PlannedRun
    error: HarnessError | None = None
    key: str | None = None


def checked(suite: LoadedSuite) -> list[CheckedRun]:
    """Read the configuration of every run; one that cannot be used does not keep the others from running."""
    found = []
    for run in suite.runs:
        try:
            with told_where(run), contextlib.chdir(suite.folder):  # there, relative paths of the suite begin
                config = load(run.config, run.overrides)
            found.append(CheckedRun(run, key=_key(config)))
        except HarnessError as error:
            found.append(CheckedRun(run, error=error))
    return found


def _key(config: Config) -> str | None:
    """Return what has to be equal for the same pixels; None if nothing is decoded."""
    if is_capsule(config.dataset.path):
        return None
    return json.dumps(pixels_key(config), sort_keys=True)


def groups(runs: Sequence[CheckedRun]) -> list[list[CheckedRun]]:
    """Return the runs, those that share their images together, in the order of the first of each group."""
    found: dict[str, list[CheckedRun]] = {}
    for number, run in enumerate(runs):
        found.setdefault(run.key or f"alone {number}", []).append(run)
    return list(found.values())


def pixels_folder(folder: Path, group: Sequence[CheckedRun], *, share: bool) -> Path | None:
    """Return where a group's decoded images are kept while it runs; None if no run would use them."""
    return folder / ".pixels" if share and len(group) > 1 else None
