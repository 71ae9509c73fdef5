"""A suite's runs as rows of finished text: page, JUnit file and terminal say the same words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from harness.errors import EXIT_BUG, EXIT_INTERRUPTED, RecordError
from harness.judging.recount import read_sound_record
from harness.record.schema import RunRecord
from harness.record.store import RECORD_FILE
from harness.record.suite import SuiteRecord, SuiteRunPart
from harness.report.facts import numbers
from harness.report.facts.summary import ComparisonRow, ModelRow, Summary, summarise
from harness.report.facts.verdict import Kind
from harness.text import visible, visible_lines

_PAGES = ("report.html", "report.md", RECORD_FILE)
_WORDS: dict[int, tuple[Kind, str]] = {
    0: ("pass", "PASS"),
    1: ("fail", "FAIL"),
    2: ("error", "REFUSED"),
    3: ("error", "ERROR"),
    4: ("error", "BASELINE NOT COMPARABLE"),
    5: ("undecided", "INCONCLUSIVE"),
    EXIT_BUG: ("error", "BUG"),
    EXIT_INTERRUPTED: ("interrupted", "INTERRUPTED"),
}


@dataclass(frozen=True)
class CandidateText:
    """A candidate of a run: what it reached, and how it compares; ``compared``: None if there is no reference."""

    model: ModelRow
    compared: ComparisonRow | None


@dataclass(frozen=True)
class RunText:
    """A run of a suite. ``record``, ``summary``: None if it left none that counts.

    ``kind``, ``word``, ``sentence``: its verdict, or why there is none; ``link``: of its report, relative to the suite.
    """

    part: SuiteRunPart
    record: RunRecord | None
    summary: Summary | None
    kind: Kind
    word: str
    sentence: str
    link: str | None

    @property
    def id(self) -> str:
        """The run's id."""
        return visible(self.part.id)

    @property
    def candidates(self) -> list[CandidateText]:
        """Every candidate."""
        if self.summary is None:
            return []
        compared = {row.candidate: row for row in self.summary.comparisons}
        return [CandidateText(row, compared.get(row.id)) for row in self.summary.models if row.role == "candidate"]

    @property
    def seconds(self) -> str:
        """How long it took."""
        return numbers.seconds(self.part.seconds)

    @property
    def decoded(self) -> str:
        """Whether another run's pixels were taken."""
        taken = self.part.images_not_decoded
        return f"{numbers.plural(taken, 'image')} not decoded again" if taken else ""


@dataclass(frozen=True)
class SuiteText:
    """A suite: its verdict over all runs, and every run in the order of the file."""

    record: SuiteRecord
    kind: Kind
    word: str
    sentence: str
    runs: tuple[RunText, ...]


def suite_text(folder: Path, record: SuiteRecord) -> SuiteText:
    """Return what is said of a suite whose runs are below ``folder``."""
    runs = tuple(_run(folder, part) for part in record.runs)
    counts = {word: sum(run.word == word for run in runs) for word in dict.fromkeys(run.word for run in runs)}
    listed = ", ".join(f"{count} {word}" for word, count in counts.items())
    kind, word = _WORDS.get(record.exit_code, ("error", "ERROR"))
    return SuiteText(record, kind, word, f"{numbers.plural(len(runs), 'run')}: {listed}", runs)


def _run(folder: Path, part: SuiteRunPart) -> RunText:
    if part.state == "not_run" or part.exit_code is None:
        return RunText(part, None, None, "interrupted", "NOT RUN", "the suite was interrupted before", None)
    place = folder / part.id
    record = None
    if part.state == "done":
        try:
            record = read_sound_record(place)
        except RecordError as error:
            return RunText(part, None, None, "error", "ERROR", visible(str(error)), None)
    page = next((name for name in _PAGES if (place / name).exists()), None)
    link = quote(f"./{part.id}/{page}") if page else None
    if record is None:
        kind, word = _WORDS.get(part.exit_code, ("error", "ERROR"))
        return RunText(part, None, None, kind, word, _one_line(part.error), link)
    summary = summarise(record)
    verdict = summary.verdict
    return RunText(part, record, summary, verdict.kind, verdict.word, verdict.sentence, link)


def _one_line(error: str | None) -> str:
    return "; ".join(line.strip() for line in visible_lines(error)) if error else "no reason is known"
