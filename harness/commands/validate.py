"""`harness validate`."""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.commands.options import add_config, gigabytes, percentage_points, positive
from harness.commands.result import Result, Screen
from harness.errors import ConfigError, HarnessError
from harness.text import printable

if TYPE_CHECKING:
    from harness.engine.run import Explain

NAME = "validate"
HELP = "evaluate all models and judge the gates; the exit code is the verdict"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness validate`."""
    add_config(parser, kinds="a YAML file, or a capsule that has one in it")
    parser.add_argument(
        "--limit", metavar="N", type=positive, help="evaluate only the first N images, as a subset (default: all)"
    )
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="write the run to this folder (default: reports/NAME/<UTC time>)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue an interrupted run (the one in --out, or the latest)"
    )
    parser.add_argument("--no-cache", action="store_true", help="do not use caches")
    parser.add_argument(
        "--certify",
        metavar="PP",
        type=percentage_points,
        help="evaluate images in random order until the Top-1 drop is proven within or above PP percentage points "
        "(default: as `certify` in the configuration says, or off)",
    )
    parser.add_argument(
        "--parity-only",
        action="store_true",
        help="judge only the parity gate, on the few images that it takes, for a verdict in seconds",
    )
    parser.add_argument(
        "--speed",
        action="store_true",
        help="measure the speed of each candidate that may ship (of all, if none may) after the evaluation, alone and "
        "in several rounds",
    )
    parser.add_argument(
        "--engine",
        choices=["local", "ray"],
        help="evaluate in this process or by workers on a Ray cluster (default: `engine.kind`, or local)",
    )
    parser.add_argument(
        "--pixels",
        metavar="DIR",
        type=Path,
        help="keep decoded images in this folder for other runs of the same images, as `harness suite` does "
        "(default: off)",
    )
    parser.add_argument(
        "--pixels-gb",
        metavar="GB",
        type=gigabytes,
        default=20.0,
        help="limit that folder to GB gigabytes (default: 20)",
    )
    parser.add_argument("--json", action="store_true", help="print run.json to stdout, and nothing else")
    parser.add_argument(
        "--watch",
        metavar="FOLDER",
        type=Path,
        help="validate again whenever a file in this folder changes, until Ctrl-C (default: validate once)",
    )


def run(options: argparse.Namespace) -> Result:
    """Evaluate, write the record and the reports; the result is the summary, and its exit code the verdict."""
    from harness.capsule.configuration import load
    from harness.commands.watching import watch_for
    from harness.config.secrets import redact, redact_all
    from harness.engine.run import Options
    from harness.engine.session import validate
    from harness.record.store import read_predictions, read_record, to_json
    from harness.report.facts.class_names import class_names
    from harness.report.github import publish, publish_error
    from harness.report.render import write_reports

    if options.watch is not None:
        return watch_for(options)
    try:
        if options.parity_only and options.certify is not None:
            raise ConfigError("--parity-only and --certify: give one of them; a certification looks at more images")
        config = load(options.config, options.overrides)
        record = validate(
            config,
            Options(
                limit=options.limit,
                out=options.out,
                resume=options.resume,
                use_cache=not options.no_cache,
                certify_pp=options.certify,
                parity_only=options.parity_only,
                speed=options.speed,
                engine=options.engine,
                pixels=options.pixels and options.pixels.absolute(),
                pixels_gb=options.pixels_gb,
                command=redact_all(("harness", *options.given)),
            ),
            None if options.parity_only else _explain(),
        )
    except HarnessError as error:
        publish_error(redact(str(error)))
        text = _unfinished(error.run_folder, as_json=options.json) if error.run_folder else ""
        return Result(error.exit_code, text, error=str(error))
    folder = record.stored_in
    record = read_record(folder)  # what reports show is what was written: no secret is in it
    table = read_predictions(folder)
    html = [] if options.parity_only else _page(folder)  # it takes longer than the run; `harness report` writes it
    written = [*html, *write_reports(folder, record, table, ("md", "junit"), class_names(record))]
    publish(record, folder / "report.md")
    if options.json:
        return Result(record.exit_code, to_json(record))
    from harness.report.terminal.summary import print_summary

    screen = Screen()
    reports = ", ".join(path.name for path in written)
    print_summary(record, screen, places=printable(f"Record and reports in {folder}: run.json, {reports}"))
    return Result(record.exit_code, screen.getvalue())


def _explain() -> Explain:
    from harness.diagnosis.quick import explain

    return explain


def _page(folder: Path) -> list[Path]:
    """Write the HTML report in a separate process: if drawing its charts crashes, the verdict stands.

    It does, for instance, where the address space is limited (`ulimit -v`).
    """
    from harness.machine.processes import own_variables

    command = [sys.executable, "-m", "harness", "report", str(folder), "--format", "html"]
    done = subprocess.run(
        command, env=own_variables(), capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode == 0:
        return [folder / "report.html"]
    how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
    message = f"report.html was not written ({how}); the verdict stands. Try `harness report {folder} --format html`"
    print(f"harness: {printable(message)}", file=sys.stderr)
    return []


def _unfinished(folder: Path, *, as_json: bool) -> str:
    """Write the reports of a run that was not completed, so that CI shows it; return what stdout shows of it."""
    from harness.record.store import read_record, to_json
    from harness.report.facts.class_names import class_names
    from harness.report.github import publish_report
    from harness.report.render import write_reports

    with contextlib.suppress(HarnessError):
        record = read_record(folder)
        write_reports(folder, record, None, ("md", "junit"), class_names(record))
        publish_report(folder / "report.md")
        if as_json:
            return to_json(record)
    return ""
