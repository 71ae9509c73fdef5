"""`index.html`: all runs of all configurations below a folder, their trends, and any two of them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from harness.disk.atomic import write_atomically
from harness.errors import RecordError
from harness.report.facts import numbers
from harness.report.html import assets
from harness.report.html.chart_svg import draw
from harness.report.html.run_table import METRICS, Cell
from harness.report.html.runs import Run, figures, find_runs
from harness.report.html.trends import TRENDS, trend

INDEX_FILE = "index.html"


@dataclass(frozen=True)
class Row:
    """A run in the list; ``place`` is its number in the page, ``cells`` are its figures, one a metric."""

    place: int
    run: Run
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Section:
    """A configuration: its charts (title, over time, by commit), columns with their sparklines, runs newest first."""

    name: str
    place: int
    charts: tuple[tuple[str, Markup, Markup], ...]
    columns: tuple[tuple[str, Markup], ...]
    rows: tuple[Row, ...]


def write_index(folder: Path) -> Path:
    """Write `index.html` into ``folder`` over all runs below it and return its path. Raises RecordError."""
    if not folder.is_dir():
        raise RecordError(f"{folder}: no such folder; give the folder that contains the runs, such as reports")
    path = folder / INDEX_FILE
    write_atomically(path, render(*find_runs(folder)).encode("utf-8"), named_by="")
    return path


def render(runs: Sequence[Run], unreadable: Sequence[tuple[str, str]] = ()) -> str:
    """Return the page over ``runs``, oldest first; ``unreadable``: (place, reason) of records that cannot be read."""
    by_name: dict[str, list[tuple[int, Run]]] = {}
    for place, run in enumerate(runs):
        by_name.setdefault(run.record.name, []).append((place, run))
    parts = [_section(number, own) for number, own in enumerate(by_name.values())]
    shared = {"runs": [{"name": _title(run), "figures": list(figures(run).items())} for run in runs]}
    return assets.page(
        "index.html",
        ("base.css", "index.css"),
        ("base.js", "index.js"),
        data=assets.data(shared),
        sections=parts,
        total=numbers.plural(len(runs), "run"),
        configurations=numbers.plural(len(parts), "configuration"),
        failed=sum(run.summary.verdict.kind != "pass" for run in runs),
        unreadable=unreadable,
    )


def _title(run: Run) -> str:
    return f"{run.summary.name}, {run.place}"


def _section(number: int, own: Sequence[tuple[int, Run]]) -> Section:
    runs = [run for _, run in own]
    charts = []
    for place, what in enumerate(TRENDS):
        label = f"{what.title} of {runs[0].summary.name} over {numbers.plural(len(runs), 'run')}"
        by_time, by_commit = trend(runs, what, "time"), trend(runs, what, "commit")
        if by_time and by_commit:
            name = f"t{number}-{place}"
            drawn = draw(by_time, f"{label}, by time", f"{name}-t"), draw(by_commit, f"{label}, by commit", f"{name}-c")
            charts.append((what.title, *drawn))
    columns = tuple((metric.title, metric.trend(runs)) for metric in METRICS)
    rows = tuple(_row(*item) for item in reversed(own))
    return Section(runs[0].summary.name, number, tuple(charts), columns, rows)


def _row(place: int, run: Run) -> Row:
    return Row(
        place,
        run,
        tuple(metric.cell(run) for metric in METRICS),
    )
