"""`harness validate`."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from harness.config import load_config
from harness.engine.run import Options
from harness.engine.validate import validate
from harness.errors import HarnessError
from harness.record.store import read_predictions, read_record, to_json
from harness.report.facts.class_names import class_names
from harness.report.github import publish, publish_error, publish_report
from harness.report.render import write_reports


def run(options: argparse.Namespace) -> int:
    """Evaluate, write the record and the reports, print the summary; the exit code is the verdict."""
    try:
        config = load_config(options.config, options.overrides)
        record = validate(
            config,
            Options(
                limit=options.limit,
                out=options.out,
                resume=options.resume,
                use_cache=not options.no_cache,
                certify_pp=options.certify,
                command=("harness", *options.given),
            ),
        )
    except HarnessError as error:
        publish_error(str(error))
        if error.run_folder:
            _show_unfinished(error.run_folder, as_json=options.json)
        raise
    options.verdict = record.exit_code
    folder = record.folder
    assert folder is not None
    table = read_predictions(folder)
    written = write_reports(folder, record, table, ("html", "md", "junit"), class_names(record))
    publish(record, folder / "report.md")
    if options.json:
        sys.stdout.write(to_json(record))
    else:
        from harness.report.terminal.summary import print_summary

        print_summary(record, sys.stdout)
        print(f"Record: {folder / 'run.json'}   Reports: {', '.join(str(path) for path in written)}")
    return record.exit_code


def _show_unfinished(folder: Path, *, as_json: bool) -> None:
    """Write the reports of a run that was not completed, so that CI shows it; the error is told elsewhere."""
    with contextlib.suppress(HarnessError):
        record = read_record(folder)
        write_reports(folder, record, None, ("md", "junit"), class_names(record))
        publish_report(folder / "report.md")
        if as_json:
            sys.stdout.write(to_json(record))
