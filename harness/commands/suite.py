"""`harness suite`: many configurations one after the other, with one page, one JUnit file, one exit code."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.commands.options import add_json
from harness.commands.result import Result, Screen
from harness.errors import EXIT_INTERRUPTED, HarnessError
from harness.text import printable

if TYPE_CHECKING:
    from harness.record.suite import SuiteRecord

NAME = "suite"
HELP = "run many configurations and summarise their results"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness suite`."""
    parser.epilog = (
        "Exit codes, of which the first that applies to any run is returned: 70 a bug; 3 not completed; 2 refused; 1 a "
        "gate failed; 4 baseline not comparable; 5 inconclusive; 0 every gate that applies passed."
    )
    parser.add_argument("suite", metavar="SUITE", type=Path, help="the suite, a YAML file")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="write all runs to this folder (default: reports/NAME/<UTC time>)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue an interrupted suite (the one in --out, or the latest)"
    )
    parser.add_argument("--no-cache", action="store_true", help="do not use caches")
    parser.add_argument(
        "--engine",
        choices=["local", "ray"],
        help="evaluate in this process or by workers on a Ray cluster (default: as each configuration says)",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> Result:
    """Run the suite; the result is the table over all runs, and its exit code the most serious one."""
    from harness.config.suite import load_suite
    from harness.engine.spread.ray_cluster import require_ray
    from harness.machine.processes import interrupted_by_sigterm
    from harness.suites.folder import suite_folder
    from harness.suites.running import RunningSuite

    if options.engine == "ray":
        require_ray()
    suite = load_suite(options.suite)
    folder = suite_folder(suite, options.out, resume=options.resume).absolute()
    running = RunningSuite(suite, folder, options.engine, options.resume, not options.no_cache, _progress, _echo)
    try:
        with interrupted_by_sigterm():
            record = running.run()
    except KeyboardInterrupt:
        shown = printable(str(options.out or folder))
        message = f"interrupted; continue with: harness suite {printable(str(options.suite))} --resume --out {shown}"
        raise _InterruptedSuiteError(message) from None
    return _result(folder, record, as_json=options.json)


class _InterruptedSuiteError(HarnessError):
    exit_code = EXIT_INTERRUPTED


def _result(folder: Path, record: SuiteRecord, *, as_json: bool) -> Result:
    """Write page and JUnit file; return the table, or the record."""
    from harness.disk.atomic import write_atomically
    from harness.record.suite import SUITE_FILE
    from harness.report import suite_junit
    from harness.report.facts.suite import suite_text
    from harness.report.html import suite_page
    from harness.report.terminal.suite import reasons, suite_table

    text = suite_text(folder, record)
    pages = {"index.html": suite_page.render(text), "junit.xml": suite_junit.render(text)}
    for name, content in pages.items():
        write_atomically(folder / name, content.encode("utf-8"))
    if as_json:
        return Result(record.exit_code, document=record.model_dump(mode="json"))
    screen = Screen()
    console = screen.console(120)
    console.print(suite_table(text))
    for line in reasons(text):
        console.print(line, soft_wrap=True)
    console.print(f"{text.word} (exit {record.exit_code}): {printable(text.sentence)}", style="bold")
    files = ", ".join(printable(str(folder / name)) for name in (SUITE_FILE, *pages))
    screen.write(f"Suite: {files}\n")
    return Result(record.exit_code, screen.getvalue())


def _progress(text: str) -> None:
    print(f"suite: {printable(text)}", file=sys.stderr)


def _echo(line: str) -> None:
    print(f"  {printable(line)}" if line.strip() else "", file=sys.stderr)
