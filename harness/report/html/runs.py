"""The runs below a folder, read from their records; records that cannot be read are listed with the reason."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness.errors import RecordError
from harness.judging.recount import read_sound_record
from harness.record.schema import RunRecord
from harness.record.store import RECORD_FILE
from harness.report.facts import numbers
from harness.report.facts.summary import VERDICT_WORDS, Summary, summarise
from harness.text import visible

_PAGES = ("report.html", "report.md", RECORD_FILE)
_NOT_RUNS = frozenset({"shards"})
_SHORT_COMMIT = 10


@dataclass(frozen=True)
class Run:
    """A run: its record, its words, and the address of its report, relative to the index."""

    record: RunRecord
    summary: Summary
    place: str
    link: str

    @property
    def commit(self) -> str:
        """The short git commit, with `+` where files differed from it; "no commit" outside of a checkout."""
        commit = self.record.environment.get("git_commit")
        if not isinstance(commit, str) or not commit:
            return "no commit"
        return visible(commit[:_SHORT_COMMIT] + ("+" if commit.endswith("+") else ""))


def find_runs(folder: Path) -> tuple[list[Run], list[tuple[str, str]]]:
    """Return the runs below ``folder``, oldest first, and (place, reason) of records that cannot be read.

    Links such as `latest` are not followed, so no run is counted twice.
    """
    runs, unreadable = [], []
    for found in _record_folders(folder):
        place = found.relative_to(folder).as_posix()
        try:
            record = read_sound_record(found)
        except RecordError as error:
            unreadable.append((visible(place), visible(str(error).removeprefix(f"{found / RECORD_FILE}: "))))
            continue
        page = next(name for name in _PAGES if (found / name).exists())
        runs.append(Run(record, summarise(record), visible(place), quote(f"./{place}/{page}")))
    return sorted(runs, key=lambda run: (run.record.started_utc, run.place)), unreadable


def _record_folders(folder: Path) -> Iterator[Path]:
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _NOT_RUNS)
        if RECORD_FILE in files:
            yield Path(path)


def figures(run: Run) -> dict[str, str]:
    """Return everything that two runs are compared by: name and text, in the order to show it."""
    record, summary = run.record, run.summary
    texts = {
        "verdict": f"{summary.verdict.word} (exit {summary.verdict.exit_code})",
        "evaluated": numbers.plural(record.dataset.evaluated, "image"),
        "fingerprint of the images and labels": visible(record.dataset.fingerprint),
    }
    for row in summary.models:
        texts[f"{row.id}: Top-1 %"] = f"{row.top1.percent} ({row.top1.counts})"
        texts[f"{row.id}: Top-5 %"] = f"{row.top5.percent} ({row.top5.counts})"
        texts[f"{row.id}: precision"] = row.precision
        texts[f"{row.id}: images/s"] = row.images_per_second
    for part in record.models:
        texts[f"{visible(part.id)}: sha256"] = visible(part.model_sha256[:12])
    for comparison in summary.comparisons:
        name = comparison.candidate
        texts[f"{name}: Top-1 pp [95 % of drop]"] = f"{comparison.top1_drop} {comparison.top1_interval}"
        texts[f"{name}: same Top-1 %"] = f"{comparison.agreement_percent} ({comparison.agreement_counts})"
        texts[f"{name}: broken / fixed / changed"] = (
            f"{comparison.broken} / {comparison.fixed} / {comparison.changed_wrong}"
        )
        texts[f"{name}: max |Δp|"] = comparison.max_abs_diff
    for gate in record.gates:
        texts[f"gate {visible(gate.gate)}, {visible(gate.model)}"] = VERDICT_WORDS[gate.verdict]
    texts |= {f"configuration: {key}": value for key, value in _leaves(record.config)}
    texts |= {f"environment: {key}": value for key, value in _leaves(record.environment)}
    return texts


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{name}.{visible(str(key))}" if name else visible(str(key)))
    elif isinstance(value, (list, tuple)) and any(isinstance(item, Mapping) for item in value):
        for place, item in enumerate(value):
            identity = item.get("id", place) if isinstance(item, Mapping) else place
            yield from _leaves(item, f"{name}.{visible(str(identity))}")
    else:
        yield name, visible(str(value))
