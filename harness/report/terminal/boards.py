"""Runs of many boards on the terminal: one row for each candidate on its device."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.judging.comparing.boards import BoardRow, Boards
from harness.record.store import RECORD_FILE
from harness.report.facts import numbers
from harness.report.facts.matrix import WORDS
from harness.report.facts.numbers import MISSING
from harness.report.terminal.layout import fits, plain_table
from harness.report.terminal.matrix import STYLES
from harness.text import printable

_TITLE = "Candidates by run and device"
_WIDE = (
    "run",
    "candidate",
    "device",
    "precision",
    "verdict",
    "Top-1\n%",
    "same\nTop-1 %",
    "broken/\nfixed",
    "Top-1 pp\n[95 % of drop]",
    "|Δp|\nmax",
    "images/s",
)
_WHOLE = (5, 6, 7, 8, 9, 10)
_NARROW = (
    "run\n  candidate\n  verdict",
    "device\nprecision",
    "Top-1 %\nsame %",
    "Top-1 pp\n[95 % of drop]\nbroken/fixed",
    "|Δp| max\nimages/s",
)


def boards_table(boards: Boards, console: Console) -> Table:
    """Return the table: one line per row where the console is wide enough, otherwise three."""
    names = _short_names([name for name, _ in boards.runs])
    wide, narrow = plain_table(_TITLE, *_WIDE, whole=_WHOLE), plain_table(_TITLE, *_NARROW, whole=(2, 3, 4))
    for row in boards.rows:
        cells = _cells(row, names[row.run])
        wide.add_row(*cells)
        narrow.add_row(*_stacked(cells))
    return wide if fits(wide, console) else narrow


def _short_names(runs: Sequence[str]) -> dict[str, str]:
    """Return runs by what differs in their paths."""
    folders = [Path(run).resolve() for run in runs]
    folders = [folder.parent if folder.name == RECORD_FILE else folder for folder in folders]
    common = os.path.commonpath([folder.parent for folder in folders])
    return {run: folder.relative_to(common).as_posix() for run, folder in zip(runs, folders, strict=True)}


def _cells(row: BoardRow, run: str) -> tuple[Text, ...]:
    model, compared = row.model, row.comparison
    verdict = " ".join([WORDS[row.standing], *([", ".join(row.deciding)] if row.deciding else [])])
    requested, effective = model.precision.requested, model.precision.effective
    figures = [MISSING] * 4
    if compared is not None:
        drop, flips = compared.drop, compared.flips
        figures = [
            numbers.percent(compared.top1_agreement.percent),
            f"{numbers.count(flips.broken)}/{numbers.count(flips.fixed)}",
            f"{numbers.change(drop.top1_pp, unit='')} {numbers.interval(drop.top1_ci95_pp, numbers.signed_pp)}",
            numbers.difference(compared.max_abs_diff),
        ]
    plain = (
        run,
        model.id,
        model.device if model.device_name in ("", model.device) else f"{model.device}: {model.device_name}",
        effective if requested in (effective, "device_default") else f"{effective} (requested {requested})",
    )
    return (
        *(Text(printable(text), overflow="fold") for text in plain),
        Text(printable(verdict), style=STYLES[row.standing]),
        Text(numbers.percent(model.top1.percent if model.top1 else None)),
        *map(Text, figures),
        Text(numbers.rate(model.rate)),
    )


def _stacked(cells: tuple[Text, ...]) -> tuple[Text, ...]:
    """Return the cells of a row in the columns of the narrow table."""
    run, candidate, device, precision, verdict, top1, same, flips, drop, difference, rate = cells
    change, _, interval = drop.plain.partition(" [")
    return (
        Text("\n  ").join((run, candidate, verdict)),
        Text("\n").join((device, precision)),
        Text("\n").join((top1, same)),
        Text("\n".join((change, *([f"[{interval}"] if interval else []), flips.plain))),
        Text("\n").join((difference, rate)),
    )
