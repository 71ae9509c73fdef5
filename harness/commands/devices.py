"""`harness devices`: what the backends find on this machine, as a table or as JSON."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from harness.commands.options import add_json
from harness.commands.result import Result, Screen
from harness.errors import EXIT_NOT_COMPLETED, EXIT_OK
from harness.text import printable

if TYPE_CHECKING:
    from harness.backends.registry import BackendFacts
    from harness.machine.devices import Devices

NAME = "devices"
HELP = "list the devices of every installed backend, with their precisions and plugins"

_UNKNOWN = "n/a"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness devices`."""
    add_json(parser)


def run(options: argparse.Namespace) -> Result:
    """List every device of every installed backend; exit 3 where none is found."""
    from harness.backends.devices import find_all

    listing = find_all()
    found = listing.found
    code = EXIT_OK if any(devices.devices for _, devices in found) else EXIT_NOT_COMPLETED
    if options.json:
        versions = {facts.name: devices.version for facts, devices in found}
        lists = {name: _listed(found, name) for name in ("devices", "virtual", "absent")}
        missing = [{"backend": facts.name, "reason": reason} for facts, reason in listing.missing]
        return Result(code, document={**versions, **lists, "not_installed": missing})
    missing_lines = "".join(f"Not installed: {facts.title}: {printable(reason)}\n" for facts, reason in listing.missing)
    return Result(code, "\n".join([*(_as_text(facts, devices) for facts, devices in found), missing_lines]))


def _listed(found: Sequence[tuple[BackendFacts, Devices]], name: str) -> list[dict[str, Any]]:
    return [{**asdict(item), "backend": facts.name} for facts, devices in found for item in getattr(devices, name)]


def _as_text(facts: BackendFacts, found: Devices) -> str:
    from rich.table import Table

    screen = Screen()
    console = screen.console(120)
    console.print(f"{facts.title} {printable(found.version)} (backend {facts.name})", soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("device", "name", "precisions", "default", "capabilities", "plug-in"):
        table.add_column(name, overflow="fold")
    for item in found.devices:
        table.add_row(
            printable(item.name),
            printable(item.full_name or _UNKNOWN),
            ", ".join(item.precisions) or _UNKNOWN,
            item.default_precision or _UNKNOWN,
            printable(", ".join(item.capabilities) or _UNKNOWN),
            printable(item.plugin or _UNKNOWN).replace(f" {found.version}", ""),  # of the same build, as usual
        )
    console.print(table)
    for item in found.devices:
        if item.note:
            console.print(f"{printable(item.name)} does not respond: {printable(item.note)}", soft_wrap=True)
        if item.remark:
            console.print(f"{printable(item.name)}: {printable(item.remark)}", soft_wrap=True)
        if item.default_precision and item.default_precision != "f32" and "f32" in item.precisions:
            note = f"{printable(item.name)}: `precision: device_default` runs {item.default_precision}"
            console.print(f"{note}; pin `precision: f32` to compare with the original", soft_wrap=True)
    for over in found.virtual:
        console.print(
            f"{over.example}: {over.what} ({printable(over.plugin or _UNKNOWN)})".replace(f" {found.version}", ""),
            soft_wrap=True,
        )
    for absent in found.absent:
        console.print(f"Not found: {absent.name}: {printable(absent.reason)}", soft_wrap=True)
    return screen.getvalue()
