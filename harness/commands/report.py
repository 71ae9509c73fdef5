"""`harness report`: render a record again, or the index over all runs, without any framework."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from harness.commands.options import add_run, megabytes
from harness.commands.result import Result
from harness.errors import ConfigError, nearest
from harness.text import printable

if TYPE_CHECKING:
    from harness.judging.baseline.schema import Baseline
    from harness.record.schema import RunRecord

NAME = "report"
HELP = "write the reports of a run again, or an index page of all runs"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness report`."""
    add_run(parser, optional=True)
    parser.add_argument(
        "--format",
        default="html,md,junit",
        help="write these formats, comma-separated: html, md, junit, csv, pr (a comment for a pull request), badge "
        "(default: html,md,junit)",
    )
    parser.add_argument(
        "--baseline",
        metavar="FILE",
        type=Path,
        help="compare with this baseline in the format pr (default: the file of the run's `gates.baseline`, if "
        "it exists)",
    )
    parser.add_argument(
        "--max-mb",
        metavar="MB",
        type=megabytes,
        default=5.0,
        help="limit the HTML page with its pictures to MB megabytes (default: 5)",
    )
    parser.add_argument(
        "--index",
        metavar="DIR",
        type=Path,
        nargs="?",
        const=Path("reports"),
        help="write DIR/index.html over all runs below DIR instead of the reports of a run (default DIR: reports)",
    )


def run(options: argparse.Namespace) -> Result:
    """Write the requested reports next to the record, or the index; the result lists their paths."""
    if options.index is not None:
        return _index(options)
    if options.folder is None:
        raise ConfigError("RUN missing; give the folder of a run, or --index for a page over all runs")
    from harness.judging.recount import sound_record
    from harness.record.store import read_predictions, read_record
    from harness.report.facts.class_names import class_names
    from harness.report.render import FORMATS, write_reports

    formats = [name.strip() for name in options.format.split(",") if name.strip()]
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        close = nearest(unknown[0], FORMATS) if unknown else []
        near = f"did you mean {close[0]}? Available" if close else "available"
        raise ConfigError(f"--format {options.format!r}: unknown format; {near}: {', '.join(FORMATS)}")
    record = read_record(options.folder)
    table, size = read_predictions(record.stored_in), int(options.max_mb * 1e6)
    record = sound_record(record, table)
    names, baseline = class_names(record), _baseline(options, record) if "pr" in formats else None
    written = write_reports(
        record.stored_in, record, table, formats, names, html_bytes=size, baseline=baseline, named_by=""
    )
    return Result(text="".join(f"{printable(str(path))}\n" for path in written))


def _baseline(options: argparse.Namespace, record: RunRecord) -> Baseline | None:
    """Return the baseline that was named, else the one that the run was judged by, if it is still there."""
    from harness.judging.baseline import read_baseline

    if options.baseline is not None:
        return read_baseline(options.baseline)
    file = record.recorded_config.baseline_gate.file
    return read_baseline(Path(file)) if file and Path(file).is_file() else None


def _index(options: argparse.Namespace) -> Result:
    if options.folder is not None:
        run = printable(str(options.folder))
        raise ConfigError(f"both --index and a run ({run}) were given; leave one out")
    from harness.report.html.index_page import write_index

    return Result(text=f"{printable(str(write_index(options.index)))}\n")
