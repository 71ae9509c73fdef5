"""One tried version: the capsule validated in a separate process, and the result."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from harness.config.secrets import redact
from harness.errors import EXIT_INTERRUPTED, BaselineError, RecordError
from harness.judging.comparing.runs import models_of, rows_of_b, table_of
from harness.judging.recount import read_sound_record
from harness.machine.parent import with_parent
from harness.machine.processes import Ended, run_to_end
from harness.record.columns import numbers_of
from harness.record.schema import RunRecord
from harness.report.facts.verdict import judge
from harness.text import printable


@dataclass(frozen=True)
class Candidate:
    """A candidate in a trial. ``max_abs_diff``: from the reference, largest of any probability; Top-1 in percent.

    ``moved``: how far its answers are from those of the good version, see ``answers_apart``; ``other_top1``: images
    with another Top-1 class than there. None if there is nothing to compare.
    """

    id: str
    max_abs_diff: float | None
    top1_percent: float | None
    moved: float | None = None
    other_top1: int | None = None


@dataclass(frozen=True)
class Trial:
    """A version and what it gave. ``folder``: the run's; None if the version could not be tried, and ``note`` why.

    ``exit_code``, ``gates``: the verdict, by gate and model; ``verdict``: in one word.
    """

    version: str
    folder: Path | None = None
    exit_code: int | None = None
    verdict: str = "SKIPPED"
    gates: Mapping[tuple[str, str], str] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    note: str | None = None

    @property
    def is_tried(self) -> bool:
        """Whether the capsule was validated with this version."""
        return self.folder is not None

    @property
    def has_answers(self) -> bool:
        """Whether every candidate answered."""
        return bool(self.candidates) and all(item.top1_percent is not None for item in self.candidates)

    def same_verdict(self, other: Trial) -> bool:
        """Return whether exit code and every gate's verdict are those of another trial."""
        return self.exit_code == other.exit_code and dict(self.gates) == dict(other.gates)

    def same_answers(self, tolerance: float) -> bool | None:
        """Return whether every candidate answers as with the good version; None if there is nothing to compare.

        ``tolerance``: how far a probability may move.
        """
        known = [(item.moved, item.other_top1) for item in self.candidates]
        if not known or any(moved is None for moved, _ in known):
            return None
        return all(moved is not None and moved <= tolerance and other == 0 for moved, other in known)


@dataclass(frozen=True)
class Trying:
    """How the capsule is validated: ``settings`` as after `--set`; ``timeout``: seconds for one version."""

    capsule: Path
    settings: Sequence[str] = ()
    timeout: float | None = None

    def run(
        self,
        version: str,
        folder: Path,
        python: Path,
        settings: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Trial:
        """Validate with an interpreter into a new folder; its output is kept next to it, as ``.log``.

        A version with which the harness does not even begin is skipped. Raises KeyboardInterrupt where the validation
        was interrupted.
        """
        chosen = [f"--set={setting}" for setting in (*self.settings, *settings)]
        options = ["validate", str(self.capsule), "--out", str(folder), "--no-cache", *chosen]
        command = [str(python), "-P", "-m", "harness", *options]
        ended = run_to_end(command, environment=with_parent(dict(environment or os.environ)), timeout=self.timeout)
        log = folder.with_name(f"{folder.name}.log")
        log.write_text(redact(f"{' '.join(command)}\n\n{ended.out}\n{ended.err}"), encoding="utf-8")
        if ended.code == EXIT_INTERRUPTED:
            raise KeyboardInterrupt
        return _trial(version, folder, ended)


def _trial(version: str, folder: Path, ended: Ended) -> Trial:
    try:
        record = read_sound_record(folder)
    except RecordError:
        said = ended.err.partition("harness: ")[2].strip() or ended.last_words
        return Trial(version, exit_code=ended.code, note=f"the harness {ended.how}: {printable(said)[:400]}")
    crashed = record.status == "incomplete" or record.exit_code != ended.code
    verdict = judge(record)
    return Trial(
        version,
        folder,
        None if crashed else record.exit_code,
        "CRASHED" if crashed else verdict.word,
        {(gate.gate, gate.model): gate.verdict for gate in record.gates},
        () if crashed else _candidates(record),
        f"the harness {ended.how}" if crashed else _first_line(record.error),
    )


def _first_line(error: str | None) -> str | None:
    return None if error is None else printable(error.splitlines()[0])[:200]


def _candidates(record: RunRecord) -> tuple[Candidate, ...]:
    largest = {item.candidate: item.max_abs_diff for item in record.comparisons}
    return tuple(
        Candidate(model.id, largest.get(model.id), model.top1.percent if model.top1 else None)
        for model in record.models
        if model.role == "candidate"
    )


def answers_apart(good: Path, other: Path) -> dict[str, tuple[float, int]]:
    """Return, by model, how far two runs' predictions differ, and how many images have another Top-1 class.

    The difference: the largest change, on any image, of the label's probability, of the highest probability, or of the
    largest difference from the reference. The last one can only move where a probability moves at least as far, of any
    class. NaN, against a number, is infinitely far. Raises BaselineError or RecordError if a run has no such table.
    """
    record_a, record_b = read_sound_record(good), read_sound_record(other)
    a, b = table_of(good, record_a), table_of(other, record_b)
    rows = rows_of_b(good, a, other, b)
    found = {}
    for name in models_of(record_a, a):
        if name not in models_of(record_b, b):
            continue
        other_top1 = numbers_of(a.column(f"{name}.top1")) != numbers_of(b.column(f"{name}.top1"))[rows]
        largest = 0.0
        for column in ("probability_of_label", "top1_probability", "max_abs_diff"):
            if f"{name}.{column}" not in a.column_names or f"{name}.{column}" not in b.column_names:
                continue
            before = numbers_of(a.column(f"{name}.{column}")).astype(np.float64)
            now = numbers_of(b.column(f"{name}.{column}")).astype(np.float64)[rows]
            moved = np.abs(before - now)
            moved = np.where(np.isnan(before) & np.isnan(now), 0.0, moved)
            largest = max(largest, float(np.where(np.isnan(moved), np.inf, moved).max(initial=0.0)))
        found[name] = (largest, int(other_top1.sum()))
    return found


def held_against(good: Trial, trial: Trial) -> Trial:
    """Return a trial whose candidates know how far they are from those of the good version."""
    if good.folder is None or trial.folder is None or not trial.has_answers:
        return trial
    try:
        apart = answers_apart(good.folder, trial.folder)
    except (BaselineError, RecordError):
        return trial
    candidates = []
    for item in trial.candidates:
        moved, other_top1 = apart.get(item.id, (None, None))
        candidates.append(replace(item, moved=moved, other_top1=other_top1))
    return replace(trial, candidates=tuple(candidates))
