"""`harness report`: render a record again, or the index over all runs, without any framework."""

from __future__ import annotations

import argparse

from harness.errors import ConfigError, nearest
from harness.record.store import read_predictions, read_record
from harness.report.facts.class_names import class_names
from harness.report.render import FORMATS, write_reports


def run(options: argparse.Namespace) -> int:
    """Write the reports that were asked for beside the record, or the index, and print their paths."""
    if options.index is not None:
        return _index(options)
    if options.folder is None:
        raise ConfigError("harness report: give the folder of a run, or --index for a page over all runs")
    formats = [name.strip() for name in options.format.split(",") if name.strip()]
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        close = nearest(unknown[0], FORMATS) if unknown else []
        near = f"; did you mean {close[0]}?" if close else ""
        raise ConfigError(f"--format {options.format}: there are {', '.join(FORMATS)}{near}")
    record = read_record(options.folder)
    assert record.folder is not None
    table, size = read_predictions(record.folder), int(options.max_mb * 1e6)
    for path in write_reports(record.folder, record, table, formats, class_names(record), html_bytes=size):
        print(path)
    return 0


def _index(options: argparse.Namespace) -> int:
    if options.folder is not None:
        raise ConfigError(
            f"harness report: --index is over all runs, but a run was given too ({options.folder}); leave one out"
        )
    from harness.report.html.index_page import write_index

    print(write_index(options.index))
    return 0
