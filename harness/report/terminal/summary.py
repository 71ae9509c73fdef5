"""The summary of a run on the terminal: readable at 80 columns, without colour, and where the output is ASCII only."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.record.schema import RunRecord
from harness.report.facts.matrix import comparison_matrix
from harness.report.facts.numbers import MISSING
from harness.report.facts.summary import AccuracyText, ComparisonRow, GateRow, ModelRow, gate_rows, summarise
from harness.report.terminal.layout import encodable, hanging, plain_table
from harness.report.terminal.matrix import matrix_parts
from harness.text import visible_lines

_WIDE = 112  # columns from which a figure and its interval share a line
_STYLES = {"pass": "green", "fail": "bold red", "error": "bold red", "inconclusive": "bold yellow"}
_VERDICT_STYLES = {"pass": "bold green", "undecided": "bold yellow", "interrupted": "bold yellow"}


def print_summary(record: RunRecord, file: TextIO, width: int | None = None) -> None:
    """Print models, comparisons, gates and warnings of a run to ``file``; the verdict comes last.

    Only a reference that is no better than guessing is said before everything else, since all figures rest on it.

    Colours only where ``file`` is a terminal (NO_COLOR and FORCE_COLOR are honoured). ``width``: columns, by default
    the terminal's, or 80 where there is none.
    """
    console = Console(file=file, width=width, highlight=False, markup=False, emoji=False, safe_box=False)
    with console.capture() as captured:
        _print(console, record)
    lines = captured.get().splitlines()  # rich pads every line to the full width
    text = "\n".join(line if console.is_terminal else line.rstrip() for line in lines)
    file.write(encodable(text + "\n", getattr(file, "encoding", None)))
    file.flush()


def _print(console: Console, record: RunRecord) -> None:
    summary = summarise(record)
    together = " " if console.width >= _WIDE else "\n"
    if summary.no_yardstick:
        console.print(hanging("chance:", "bold red", summary.no_yardstick), "")
    console.print(Text(summary.name, style="bold") + Text(f"  {summary.scope}", style="not bold"))
    console.print()
    if summary.models:
        console.print(_models(summary.models, together), "")
    matrix = comparison_matrix(record, summary)
    if matrix:
        for part in matrix_parts(matrix, console):
            console.print(part)
        console.print()
    elif summary.comparisons:
        console.print(_comparisons(summary.comparisons, summary.compared_with, together), "")
    if summary.comparisons and summary.interval_note:
        console.print(hanging("note:", "", summary.interval_note), "")
    if summary.gates:
        _print_gates(console, summary.gates)
        _print_causes(console, summary.causes)
    if summary.bad_images:
        console.print(Text(summary.bad_images))
    for warning in summary.warnings:
        console.print(hanging("warning:", "yellow", warning))
    lines = visible_lines(record.error) if record.error else []
    if len(lines) > 1:  # the verdict has the first one
        console.print(hanging("error:", "bold red", "\n".join(lines)))
    style = _VERDICT_STYLES.get(summary.verdict.kind, "bold red")
    console.rule(style=style, characters="━")
    console.print(Text(summary.verdict.line, style=style))


def _print_gates(console: Console, gates: tuple[GateRow, ...]) -> None:
    found = gate_rows(gates)
    if found.shown:
        console.print(_gates(found.shown))
    if found.folded:
        console.print(Text(f"{found.title}; listed in the reports"))
    console.print()


def _print_causes(console: Console, causes: tuple[tuple[str, str], ...]) -> None:
    for model, sentence in causes:
        console.print(hanging("likely cause:", "bold", f"{model}: {sentence}"), "")


def _models(rows: tuple[ModelRow, ...], together: str) -> Table:
    table = plain_table("Models", "model", "device", "precision", "Top-1 %", "Top-5 %", "images/s", whole=(3, 4, 5))
    for row in rows:
        name = f"{row.id}{together}(reference)" if row.role == "reference" else row.id
        precision = row.precision.replace(" → ", f"{together}→ ")
        figures = (_share(row.top1, together), _share(row.top5, together), Text(row.images_per_second))
        table.add_row(Text(name), Text(row.device), Text(precision), *figures)
    return table


def _share(accuracy: AccuracyText, together: str) -> Text:
    return Text(f"{accuracy.percent} ({accuracy.counts}){together}{accuracy.interval}")


def _comparisons(rows: tuple[ComparisonRow, ...], base: str, together: str) -> Table:
    headers = ("candidate", "same\nTop-1", "flips", "Top-1\ndrop pp", "Top-5\ndrop pp", "|Δp|")
    references = ", ".join(dict.fromkeys(row.reference for row in rows))
    table = plain_table(f"Against the {base} {references}", *headers, whole=(1, 2, 3, 4, 5))
    for row in rows:
        table.add_row(
            Text(row.candidate),
            Text(f"{row.agreement_percent} %{together}{row.agreement_counts}"),
            Text(f"{row.broken} broken\n{row.fixed} fixed\n{row.changed_wrong} changed"),
            Text(f"{row.top1_drop}{together}{row.top1_interval}\np {row.p_value}"),
            Text(f"{row.top5_drop} {row.top5_interval}" if together == " " else row.top5_drop),
            Text(f"max {row.max_abs_diff}\nmean {row.mean_abs_diff}"),
        )
    return table


def _gates(rows: tuple[GateRow, ...]) -> Table:
    table = plain_table("Gates", "verdict", "gate", "model", "measured, limit, reason")
    for row in rows:
        style = _STYLES.get(row.verdict, "")
        figures = "" if row.measured == MISSING else f"{row.measured}; limit {row.limit}\n"
        table.add_row(Text(row.word, style=style), Text(row.gate), Text(row.model), Text(f"{figures}{row.reason}"))
    return table
