"""The comparison matrix on the terminal: a line per candidate where the width allows it, else three lines."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from harness.judging.tradeoff import Standing
from harness.report.facts.matrix import Matrix, MatrixRow
from harness.report.facts.numbers import MISSING
from harness.report.terminal.layout import fits, plain_table

STYLES: dict[Standing, str] = {
    "ships": "green",
    "undecided": "bold yellow",
    "fails": "bold red",
    "error": "bold red",
    "unavailable": "",
}
_BEST = "* "  # a sign that every encoding has
_NAMES = 16  # columns of the names next to a triangle, on a narrow terminal
_CELL = 8  # columns of one agreement, with the space next to it


def matrix_parts(matrix: Matrix, console: Console) -> Iterator[RenderableType]:
    """Return what is printed of a matrix: the table, what the figures mean, what is missing, and the triangle."""
    if matrix.rows:
        wide = _in_lines(matrix)
        yield wide if fits(wide, console) else _stacked(matrix)
        yield ""
        yield Text(matrix.speeds)
    for candidate, word, reason in matrix.failures:
        yield Text(f"{candidate} {word}: {reason}", overflow="fold")
    for line in matrix.absent:
        yield Text(line, overflow="fold")
    if len(matrix.names) > 1:
        yield ""
        yield from _triangle(matrix, console.width)


def _title(matrix: Matrix) -> str:
    references = dict.fromkeys(row.against.reference for row in matrix.rows if row.compared)
    return (
        f"Comparison matrix, against the {matrix.compared_with} {', '.join(references)}"
        if references
        else "Comparison matrix"
    )


def _in_lines(matrix: Matrix) -> Table:
    headers = (
        "candidate",
        "verdict",
        "Top-1\n%",
        "Top-5\n%",
        "Top-1 pp\n[95 % of drop]",
        "same\nTop-1 %",
        "broken/\nfixed/\nchanged",
        "|Δp|\nmax",
        "images/s",
        "latency\nms",
        "MB",
    )
    table = plain_table(_title(matrix), *headers, whole=tuple(range(len(headers))))
    for row in matrix.rows:
        against = row.against
        compared = (
            f"{against.top1_drop} {against.top1_interval}",
            against.agreement_percent,
            f"{against.broken}/{against.fixed}/{against.changed_wrong}",
        )
        cells = (
            row.model.top1.percent,
            row.model.top5.percent,
            *(compared if row.compared else [MISSING] * len(compared)),
            against.max_abs_diff,
            row.model.images_per_second,
            row.latency,
            row.megabytes,
        )
        table.add_row(_name(row), _verdict(row, " "), *map(Text, cells))
    return table


def _stacked(matrix: Matrix) -> Table:
    headers = (
        "candidate\n  verdict",
        "Top-1 %\nTop-5 %\nsame %",
        "Top-1 pp\n[95 % of drop]\np",
        "flips",
        "|Δp|\nmax\nmean",
        "images/s\nlatency ms\nMB",
    )
    table = plain_table(_title(matrix), *headers, whole=(1, 2, 3, 4, 5))
    for row in matrix.rows:
        against = row.against
        compared = (
            f"{against.top1_drop}\n{against.top1_interval}\np {against.p_value}",
            _flips(row),
            f"{against.max_abs_diff}\n{against.mean_abs_diff}",
        )
        accuracy = f"{row.model.top1.percent}\n{row.model.top5.percent}\n{against.agreement_percent}"
        speed = f"{row.model.images_per_second}\n{row.latency}\n{row.megabytes}"
        ran = row.standing != "error"
        cells = (
            accuracy if ran else MISSING,
            *(compared if row.compared else [MISSING] * len(compared)),
            speed if ran else MISSING,
        )
        table.add_row(_name(row) + Text("\n  ") + _verdict(row, "\n  "), *map(Text, cells))
    return table


def _flips(row: MatrixRow) -> str:
    """Return the flips, a kind per line; near-ties below them."""
    broken, _, near = row.against.broken.partition(" ")
    lines = f"{broken} broken\n{row.against.fixed} fixed\n{row.against.changed_wrong} changed"
    return f"{lines}\n{near}" if near else lines


def _name(row: MatrixRow) -> Text:
    return Text(f"{_BEST if row.best else ''}{row.model.id}", style="bold" if row.best else "")


def _verdict(row: MatrixRow, together: str) -> Text:
    gates = row.gates.replace(", ", f",{together}") if "\n" in together else row.gates  # no line begins at the edge
    return Text(f"{row.word}{together}{gates}" if row.gates else row.word, style=STYLES[row.standing])


def _triangle(matrix: Matrix, width: int) -> Iterator[Table]:
    """Return the pairwise agreement, with numbers as column heads, in as many blocks as the width asks for."""
    names = matrix.names
    columns = max(_NAMES, min(width // 3, max(map(len, names))))
    block = max(1, (width - columns - 4) // _CELL)
    for start in range(0, len(names) - 1, block):
        stop = min(start + block, len(names) - 1)
        heads = [str(place + 1) for place in range(start, stop)]
        title = None if start else "Same Top-1 between candidates, %"
        whole = (0, *range(2, len(heads) + 2))
        table = plain_table(title, "", "", *heads, whole=whole, right=(0, *range(2, len(heads) + 2)))
        table.columns[1].max_width = columns
        for place in range(start, len(names)):
            cells = [Text(cell.percent) for cell in matrix.agreement[place][start:stop]]
            table.add_row(Text(str(place + 1)), Text(names[place]), *cells)
        yield table
