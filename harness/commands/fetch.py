"""`harness fetch`."""

from __future__ import annotations

import argparse

from harness.commands.options import add_config
from harness.commands.result import Result
from harness.text import printable

NAME = "fetch"
HELP = "download the model archive, verify and unpack it"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness fetch`."""
    add_config(parser)
    parser.add_argument(
        "--if-needed", action="store_true", help="do nothing if the model exists or if no archive is configured"
    )


def run(options: argparse.Namespace) -> Result:
    """Download, verify and unpack the configured archive; the result lists what was unpacked."""
    from harness.config import load_config
    from harness.disk.beginnings import CAPSULE, begins_with

    if options.if_needed and begins_with(options.config, CAPSULE):
        return Result(text=f"{printable(str(options.config))}: nothing to fetch for a capsule\n")
    config = load_config(options.config, options.overrides, without_dataset=True)
    wanted = [config.reference] if config.reference else config.candidates
    if options.if_needed and (config.archive is None or all(model.model.exists() for model in wanted)):
        return Result()
    from harness.conversion import fetch

    return Result(text="".join(f"{printable(str(path))}\n" for path in fetch(config)))
