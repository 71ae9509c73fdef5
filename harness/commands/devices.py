"""`harness devices`: what OpenVINO finds on this machine, as a table or as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from harness.backends.openvino.devices import Devices
from harness.backends.openvino.devices_process import find_devices_apart
from harness.errors import EXIT_NOT_COMPLETED, EXIT_OK
from harness.text import visible

_UNKNOWN = "n/a"


def run(options: argparse.Namespace) -> int:
    """Print every device; exit 3 where OpenVINO is missing or finds none."""
    found = find_devices_apart()
    if options.json:
        print(json.dumps(asdict(found), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        _print(found)
    return EXIT_OK if found.devices else EXIT_NOT_COMPLETED


def _print(found: Devices) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120, highlight=False, markup=False)
    console.print(f"OpenVINO {visible(found.openvino)}", soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("device", "name", "precisions", "default", "capabilities", "plug-in"):
        table.add_column(name, overflow="fold")
    for item in found.devices:
        table.add_row(
            visible(item.name),
            visible(item.full_name or _UNKNOWN),
            ", ".join(item.precisions) or _UNKNOWN,
            item.default_precision or _UNKNOWN,
            visible(", ".join(item.capabilities) or _UNKNOWN),
            visible(item.plugin or _UNKNOWN).replace(f" {found.openvino}", ""),  # of the same build, as usual
        )
    console.print(table)
    for item in found.devices:
        if item.note:
            console.print(f"{visible(item.name)} did not answer: {visible(item.note)}", soft_wrap=True)
        if item.default_precision and item.default_precision != "f32" and "f32" in item.precisions:
            told = f"{visible(item.name)}: `precision: device_default` runs {item.default_precision}"
            console.print(f"{told}; pin `precision: f32` to compare with the original", soft_wrap=True)
    for over in found.virtual:
        console.print(
            f"{over.example}: {over.what} ({visible(over.plugin or _UNKNOWN)})".replace(f" {found.openvino}", ""),
            soft_wrap=True,
        )
    for absent in found.absent:
        console.print(f"Not there: {absent.name}: {visible(absent.reason)}", soft_wrap=True)
