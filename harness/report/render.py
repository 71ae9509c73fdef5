"""The formats of a report, their files, and writing them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.disk.atomic import make_folder, write_atomically
from harness.errors import ConfigError, RecordError, nearest
from harness.record.schema import RunRecord
from harness.report import badge, csv_table, junit
from harness.report.facts.near_ties import with_near_ties
from harness.report.markdown import pull_request
from harness.report.markdown import report as markdown

if TYPE_CHECKING:
    import pyarrow as pa

    from harness.judging.baseline.schema import Baseline

ClassNames = Sequence[str] | None
HTML_BYTES = 5_000_000


class Format(NamedTuple):
    """A form of report: its file's name and the pure function that renders it."""

    file_name: str
    render: Callable[[RunRecord, pa.Table | None, ClassNames], str]


def _html(record: RunRecord, table: pa.Table | None, class_names: ClassNames, max_bytes: int = HTML_BYTES) -> str:
    from harness.report.html.report_page import render  # charts and templates load only for this form

    return render(record, table, class_names, max_bytes)


def _junit(record: RunRecord, table: pa.Table | None, class_names: ClassNames) -> str:  # noqa: ARG001
    return junit.render(record)


def _badge(record: RunRecord, table: pa.Table | None, class_names: ClassNames) -> str:  # noqa: ARG001
    return badge.render(record)


def _pull_request(
    record: RunRecord,
    table: pa.Table | None,  # noqa: ARG001
    class_names: ClassNames,  # noqa: ARG001
    baseline: Baseline | None = None,
) -> str:
    return pull_request.render(record, baseline)


def _csv(record: RunRecord, table: pa.Table | None, class_names: ClassNames) -> str:  # noqa: ARG001
    if table is None:
        raise RecordError(
            "the run has no per-image table (predictions.parquet), so no CSV can be made; choose other formats"
        )
    return csv_table.render(with_near_ties(record, table))


FORMATS: dict[str, Format] = {
    "html": Format("report.html", _html),
    "md": Format("report.md", markdown.render),
    "junit": Format("junit.xml", _junit),
    "csv": Format("predictions.csv", _csv),
    "pr": Format("pull-request.md", _pull_request),
    "badge": Format("badge.svg", _badge),
}


def write_reports(
    folder: Path,
    record: RunRecord,
    table: pa.Table | None,
    formats: Iterable[str],
    class_names: ClassNames = None,
    *,
    html_bytes: int = HTML_BYTES,
    baseline: Baseline | None = None,
    named_by: str | None = None,
) -> list[Path]:
    """Render the record in the named formats and write each atomically into ``folder``; return the paths.

    All are rendered before the first is written. ``class_names``: names of the classes by network label.
    ``html_bytes``: what the page's pictures and table may fill it up to. ``baseline``: what the form `pr` measures the
    change against. ``named_by``: as ``harness.disk.atomic.cannot_write``. Raises ConfigError on an unknown format,
    RecordError if a form needs the table and there is none, or a file cannot be written.
    """
    chosen = list(dict.fromkeys(formats))
    for name in chosen:
        if name not in FORMATS:
            guess = nearest(name, FORMATS)
            hint = f"did you mean '{guess[0]}'? Available" if guess else "available"
            raise ConfigError(f"no report format '{name}'; {hint}: {', '.join(FORMATS)}")
    forms = {name: FORMATS[name].render for name in chosen}
    forms |= {"html": partial(_html, max_bytes=html_bytes), "pr": partial(_pull_request, baseline=baseline)}
    files = [(folder / FORMATS[name].file_name, forms[name](record, table, class_names)) for name in chosen]
    make_folder(folder, named_by=named_by)
    for path, text in files:
        write_atomically(path, text.encode("utf-8"), named_by=named_by)
    return [path for path, _ in files]
