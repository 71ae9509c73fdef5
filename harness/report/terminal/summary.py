"""The summary of a run on the terminal: readable at 80 columns, without colour, and where the output is ASCII only."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.record.schema import RunRecord
from harness.report.facts.matrix import Matrix, comparison_matrix
from harness.report.facts.numbers import MISSING
from harness.report.facts.summary import AccuracyText, ComparisonRow, GateRow, ModelRow, Summary, gate_rows, summarise
from harness.report.terminal.layout import encodable, hanging, plain_table
from harness.report.terminal.matrix import matrix_parts
from harness.text import visible_lines

_WIDE = 112  # columns from which a figure and its interval share a line
_STYLES = {"pass": "green", "fail": "bold red", "error": "bold red", "inconclusive": "bold yellow"}
_VERDICT_STYLES = {"pass": "bold green", "undecided": "bold yellow", "interrupted": "bold yellow"}


def print_summary(record: RunRecord, file: TextIO, width: int | None = None, places: str = "") -> None:
    """Print models, comparisons, gates and warnings of a run to ``file``; the verdict comes first and last.

    Colours only where ``file`` is a terminal (NO_COLOR and FORCE_COLOR are honoured). ``width``: columns, by default
    the terminal's, or 80 where there is none. ``places``: a line on where record and reports are.
    """
    console = Console(file=file, width=width, highlight=False, markup=False, emoji=False, safe_box=False)
    with console.capture() as captured:
        _print(console, record, places)
    lines = captured.get().splitlines()  # rich pads every line to the full width
    text = "\n".join(line if console.is_terminal else line.rstrip() for line in lines)
    file.write(encodable(text + "\n", getattr(file, "encoding", None)))
    file.flush()


def _print(console: Console, record: RunRecord, places: str) -> None:
    summary = summarise(record)
    matrix = comparison_matrix(record, summary)
    together = " " if console.width >= _WIDE else "\n"
    _print_verdict(console, summary, matrix)
    console.print()
    console.print(Text(summary.name, style="bold") + Text(f"  {summary.scope}", style="not bold"))
    console.print()
    if summary.models and not matrix:
        console.print(_models(summary.models, together), "")
    elif matrix:
        references = tuple(row for row in summary.models if row.role == "reference")
        if references:
            console.print(_models(references, together), "")
        for part in matrix_parts(matrix, console):
            console.print(part)
        console.print()
    if summary.comparisons and not matrix:
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
    if places:
        console.print(Text(places, overflow="fold"))
    console.rule(style=_VERDICT_STYLES.get(summary.verdict.kind, "bold red"), characters="━")
    _print_verdict(console, summary, matrix)


def _print_verdict(console: Console, summary: Summary, matrix: Matrix | None) -> None:
    """Print the verdict, which candidate to ship, and the next step."""
    style = _VERDICT_STYLES.get(summary.verdict.kind, "bold red")
    console.print(Text(summary.verdict.line, style=style, overflow="fold"))
    if matrix and summary.verdict.kind != "interrupted":
        console.print(Text(matrix.conclusion, style="bold", overflow="fold"))
    if summary.next_step:
        console.print(hanging("Next:", "bold", summary.next_step))


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
    headers = ("candidate", "same\nTop-1", "flips", "Top-1 pp\n[95 % of drop]", "Top-5 pp", "|Δp|")
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
    table = plain_table("Gates", "verdict", "gate", "model", "measured and limit, or reason")
    for row in rows:
        style = _STYLES.get(row.verdict, "")
        told = f"{row.measured}; limit {row.limit}" if row.verdict == "pass" and row.measured != MISSING else row.reason
        table.add_row(Text(row.word, style=style), Text(row.gate), Text(row.model), Text(told))
    return table
