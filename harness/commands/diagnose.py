"""`harness diagnose`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.commands.options import add_config, add_json
from harness.commands.result import Result, Screen
from harness.errors import EXIT_NOTHING_DECIDED, EXIT_OK
from harness.text import printable

if TYPE_CHECKING:
    from harness.diagnosis.answer import Diagnosis

NAME = "diagnose"
HELP = "find which conversion step is wrong, with evidence and the fix"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness diagnose`."""
    add_config(parser, kinds="a YAML file, or a capsule that has one in it")
    parser.add_argument("--candidate", metavar="ID", help="diagnose only this candidate (default: all)")
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="write the result as an HTML page, with a profile of the layers (default: no page)",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> Result:
    """Find out what is different; exit 0 where the cause was found or nothing is wrong, 5 where nothing explains it."""
    from harness.capsule.configuration import load, require_fitting
    from harness.conversion.prepared import prepare_models
    from harness.diagnosis.diagnose import chosen, diagnose
    from harness.disk.atomic import make_folder

    if options.html:
        make_folder(options.html.absolute().parent, named_by="--html")
    config = load(options.config, options.overrides)
    require_fitting(config)
    config = config.model_copy(update={"candidates": chosen(config, options.candidate)})  # the others need not be there
    prepare_models(config)

    def progress(text: str) -> None:
        print(f"diagnose: {printable(text)}", file=sys.stderr)

    found = diagnose(config, options.candidate, progress=progress)
    code = EXIT_OK if all(item.exit_code == EXIT_OK for item in found) else EXIT_NOTHING_DECIDED
    if options.html:
        _write_page(options.html, config.name, found)
    if options.json:
        return Result(code, document=as_json(found))
    return Result(code, as_text(found))


def _write_page(path: Path, name: str, found: tuple[Diagnosis, ...]) -> None:
    """Write the page. Raises RecordError if the file cannot be written."""
    from harness.config.secrets import redact, redact_all
    from harness.disk.atomic import write_atomically
    from harness.report.html.diagnosis_page import render

    write_atomically(
        path, render(redact(name), redact_all([item.as_json() for item in found])).encode("utf-8"), named_by="--html"
    )


def as_json(found: tuple[Diagnosis, ...]) -> dict[str, Any]:
    """Return the contract's form of the candidate that needs attention most, and all of them as `candidates`.

    That is the first of which nothing is known, else the first with a cause, else the first.
    """
    order = ("unknown", "found", "clean")
    first = min(found, key=lambda item: order.index(item.verdict))
    return {**first.as_json(), "candidates": [item.as_json() for item in found]}


def as_text(found: tuple[Diagnosis, ...]) -> str:
    """Return each answer, with its alternatives below."""
    from rich.table import Table

    screen = Screen()
    console = screen.console(110)
    for item in found:
        word = {"found": "FOUND", "clean": "CLEAN", "unknown": "NOT FOUND"}[item.verdict]
        cause = f" ({item.cause})" if item.cause else ""
        console.print(f"{word}: {printable(item.candidate)}{cause}", style="bold")
        console.print(printable(item.sentence))
        if item.profile:
            console.print(f"\nSignal to noise of each layer, alone and inside the whole network:\n{item.profile}")
        if item.alternatives:
            table = Table(box=None, pad_edge=False, header_style="bold")
            for name in ("alternative", "assumed about the candidate", "max |Δp|", "images"):
                table.add_column(name, overflow="fold")
            for other in item.alternatives:
                largest = "" if other.max_abs_diff is None else f"{other.max_abs_diff:.3g}"
                same = " (as good)" if other.equal else ""
                table.add_row(other.cause, f"{printable(other.words)}{same}", largest, str(other.images))
            console.print(table)
    return screen.getvalue()
