"""`harness fetch`."""

from __future__ import annotations

import argparse

from harness.config import load_config


def run(options: argparse.Namespace) -> int:
    """Download, verify and unpack the configured archive, and print what was unpacked."""
    config = load_config(options.config, options.overrides, without_dataset=True)
    if options.if_needed and (config.archive is None or config.reference.model.exists()):
        return 0
    from harness.conversion import fetch

    for path in fetch(config):
        print(path)
    return 0
