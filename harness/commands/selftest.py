"""`harness selftest`."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.commands.options import add_config, add_json
from harness.commands.result import Result, Screen
from harness.errors import EXIT_GATE_FAILED, EXIT_OK
from harness.text import printable, printable_message

if TYPE_CHECKING:
    from harness.diagnosis.injecting import Finding
    from harness.diagnosis.selftest import SelfTest
    from harness.record.schema import GatePart

NAME = "selftest"
HELP = "inject known conversion faults and check that each one is caught"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness selftest`."""
    add_config(parser, kinds="a YAML file, or a capsule that has one in it")
    parser.add_argument(
        "--candidate", metavar="ID", help="inject faults into this candidate (default: the first that supports it)"
    )
    form = parser.add_mutually_exclusive_group()
    add_json(form)
    form.add_argument("--markdown", action="store_true", help="print the table as Markdown")


def run(options: argparse.Namespace) -> Result:
    """Inject every known fault and say which gate caught it; exit 1 where one was missed, or on a false alarm."""
    from harness.capsule.configuration import load, require_fitting
    from harness.conversion.prepared import prepare_models
    from harness.diagnosis.selftest import of_candidate_alone, selftest

    config = load(options.config, options.overrides)
    require_fitting(config)
    prepare_models(config)

    def progress(name: str) -> None:
        print(f"selftest: {printable(name)}", file=sys.stderr)

    result = selftest(config, options.candidate, progress=progress)
    code = EXIT_OK if result.passed else EXIT_GATE_FAILED
    if options.json:
        return Result(code, document=as_json(result))
    bad = of_candidate_alone(result.candidate, result.false_alarms)
    if bad:
        return Result(code, bad_model(result, bad, str(options.config)))
    return Result(code, as_markdown(result) if options.markdown else as_text(result))


def bad_model(result: SelfTest, failed: Sequence[GatePart], config: str) -> str:
    """Return that the candidate itself is wrong, which would mask every fault, and what to run."""
    command = shlex.join(["harness", "diagnose", config, "--candidate", result.candidate])
    reasons = [f"  {gate.gate}: {gate.reason}" for gate in failed]
    lead = f"FAIL: {result.candidate} is wrong without any injected fault, so the gates cannot be tested with it"
    return printable_message("\n".join([lead, *reasons, f"Find the cause: {command}"])) + "\n"


def as_json(result: SelfTest) -> dict[str, Any]:
    """Return the contract's form: ``{faults[]{name, caught, gate, images, measured}, false_alarms[]}``."""
    return {
        "candidate": result.candidate,
        "images": result.images,
        "passed": result.passed,
        "faults": [vars(finding) for finding in result.faults],
        "false_alarms": [gate.model_dump(mode="json") for gate in result.false_alarms],
    }


def as_markdown(result: SelfTest) -> str:
    """Return the table of what the gates can see, for the README."""
    lines = ["| fault | caught by | after images | measured |", "|---|---|---|---|"]
    lines += [_row(item.name, _gate(item), _images(item), _measured(item)) for item in result.faults]
    alarms = ", ".join(f"{gate.gate} on {gate.model}" for gate in result.false_alarms) or "no alarm"
    lines.append(_row("nothing (the faithful conversion)", alarms, f"{result.images:,}", ""))
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    """Return one row of a Markdown table; a pipe within a cell is not a border."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def as_text(result: SelfTest) -> str:
    """Return the table of what each gate caught, for the terminal; the verdict comes last."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("fault", "caught by", "after images", "measured"):
        table.add_column(name, overflow="fold")
    for item in result.faults:
        style = {True: "", False: "bold red", None: "dim"}[item.caught]
        table.add_row(item.name, _gate(item), _images(item), _measured(item), style=style)
    screen = Screen()
    console = screen.console(110)
    console.print(table)
    tried = [item for item in result.faults if item.caught is not None]
    caught = sum(1 for item in tried if item.caught)
    for gate in result.false_alarms:
        console.print(f"FALSE ALARM on the faithful {gate.model}: {gate.gate}: {printable(gate.reason)}")
    for item in result.faults:
        if item.caught is None:
            console.print(f"Not tried: {item.name}: {printable(item.reason)}")
        elif not item.caught:
            console.print(f"MISSED: {item.name}: no gate failed ({printable(item.reason)})")
    alarms = f"{len(result.false_alarms)} false alarms" if result.false_alarms else "no false alarm"
    word = "PASS" if result.passed else "FAIL"
    console.print(f"{word}: {caught} of {len(tried)} faults caught, {alarms} on {result.images} images", style="bold")
    return screen.getvalue()


def _gate(item: Finding) -> str:
    return {True: item.gate or "", False: "MISSED", None: "not tried"}[item.caught]


def _images(item: Finding) -> str:
    return "" if item.caught is None else f"{item.images:,}"


def _measured(item: Finding) -> str:
    if item.gate == "refused":
        # The message is `FILE: what is wrong; what to do`, and only what is wrong tells of the fault.
        return (item.reason.partition(": ")[2] or item.reason).partition(";")[0]
    names = {"max_abs_diff": ("max |Δp| ", ""), "top1_percent": ("Top-1 ", " %"), "top5_percent": ("Top-5 ", " %")}
    pairs = [
        (*names.get(key, (f"{key} ", "")), value) for key, value in (item.measured or {}).items() if key != "images"
    ]
    return ", ".join(f"{before}{value:.3g}{after}" for before, after, value in pairs)
