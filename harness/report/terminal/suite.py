"""A suite on the terminal: one row for each run and candidate, and the verdict over all."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from harness.report.facts.suite import CandidateText, RunText, SuiteText
from harness.report.terminal.layout import plain_table
from harness.text import printable

_STYLES = {"pass": "green", "fail": "red", "error": "red", "undecided": "yellow", "interrupted": "yellow"}


def suite_table(suite: SuiteText) -> Table:
    """Return the table."""
    headers = (
        "run",
        "verdict",
        "candidate",
        "device",
        "precision",
        "Top-1\n%",
        "Top-1\nchange pp",
        "|Δp|\nmax",
        "time",
    )
    table = plain_table(None, *headers, whole=(1, 5, 6, 7, 8))
    for run in suite.runs:
        verdict = Text(printable(run.word), style=_STYLES[run.kind])
        first = (Text(printable(run.id), overflow="fold"), verdict)
        if not run.candidates:
            table.add_row(*first, *[""] * 6, run.seconds)
        for number, item in enumerate(run.candidates):
            begin = first if number == 0 else ("", "")
            table.add_row(*begin, *_cells(item), "" if number else run.seconds)
    return table


def _cells(item: CandidateText) -> tuple[Text, ...]:
    model, compared = item.model, item.compared
    texts = (
        model.id,
        model.device,
        model.precision,
        model.top1.percent,
        compared.top1_drop if compared else "",
        compared.max_abs_diff if compared else "",
    )
    return tuple(Text(printable(text), overflow="fold") for text in texts)


def reasons(suite: SuiteText) -> list[str]:
    """Return a line for each run that did not pass: its verdict and why."""
    return [_reason(run) for run in suite.runs if run.kind != "pass"]


def _reason(run: RunText) -> str:
    return printable(f"{run.id}: {run.word}: {run.sentence}")
