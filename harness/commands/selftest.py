"""`harness selftest`."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from harness.config import load_config, require_files
from harness.diagnosis.selftest import Finding, SelfTest, selftest
from harness.errors import EXIT_GATE_FAILED, EXIT_OK


def run(options: argparse.Namespace) -> int:
    """Inject every known fault, print which gate caught it; exit 1 where one was missed or a gate cried wolf."""
    config = load_config(options.config, options.overrides)
    from harness.engine.preflight import prepare_irs

    prepare_irs(config)
    require_files(config)

    def told(name: str) -> None:
        print(f"selftest: {name}", file=sys.stderr)

    result = selftest(config, options.candidate, told=told)
    options.verdict = EXIT_OK if result.passed else EXIT_GATE_FAILED
    if options.json:
        print(json.dumps(as_json(result), indent=2, ensure_ascii=False, allow_nan=False))
    elif options.markdown:
        sys.stdout.write(as_markdown(result))
    else:
        _print_table(result)
    return int(options.verdict)


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
    """Return one row of a Markdown table; a pipe within a cell is no border."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _print_table(result: SelfTest) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("fault", "caught by", "after images", "measured"):
        table.add_column(name, overflow="fold")
    for item in result.faults:
        style = {True: "", False: "bold red", None: "dim"}[item.caught]
        table.add_row(item.name, _gate(item), _images(item), _measured(item), style=style)
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 110, highlight=False)
    console.print(table)
    tried = [item for item in result.faults if item.caught is not None]
    caught = sum(1 for item in tried if item.caught)
    for gate in result.false_alarms:
        console.print(f"FALSE ALARM on the faithful {gate.model}: {gate.gate}: {gate.reason}", markup=False)
    for item in result.faults:
        if item.caught is None:
            console.print(f"Not tried: {item.name}: {item.reason}", markup=False)
        elif not item.caught:
            console.print(f"MISSED: {item.name}: no gate failed ({item.reason})", markup=False)
    alarms = f"{len(result.false_alarms)} false alarms" if result.false_alarms else "no false alarm"
    word = "PASS" if result.passed else "FAIL"
    console.print(f"{word}: {caught} of {len(tried)} faults caught, {alarms} on {result.images} images", style="bold")


def _gate(item: Finding) -> str:
    return {True: item.gate or "", False: "MISSED", None: "not tried"}[item.caught]


def _images(item: Finding) -> str:
    return "" if item.caught is None else f"{item.images:,}"


def _measured(item: Finding) -> str:
    if item.gate == "refused":
        return item.reason.rpartition(": ")[2]
    names = {"max_abs_diff": "max |Δp|", "top1_percent": "Top-1 %", "top5_percent": "Top-5 %"}
    pairs = (item.measured or {}).items()
    return ", ".join(f"{names.get(key, key)} {value:.3g}" for key, value in pairs if key != "images")
