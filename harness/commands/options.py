"""What the commands' options share: the parser with its near-misses, types of values, and options that many have."""

from __future__ import annotations

import argparse
import math
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import EXIT_USAGE, nearest
from harness.text import printable

UNKNOWN = "unrecognized arguments: "
# What people look for as an option and the configuration has as a key.
_KEYS = {
    "model": "--set reference.model=FILE` or `--set candidates.ID.model=FILE",
    "device": "--set candidates.ID.device=DEVICE",
    "precision": "--set candidates.ID.precision=f32",
    "images": "--set dataset.path=PATH",
    "dataset": "--set dataset.path=PATH",
    "labels": "--set dataset.labels=FILE",
    "classes": "--set dataset.classes=N",
    "output": "--set candidates.ID.output=NAME",
    "batch": "--set candidates.ID.batch=N",
}


class Parser(argparse.ArgumentParser):
    """Takes no abbreviations, and answers a misspelt command or option with the nearest one."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False, **settings})
        self.set_defaults(parser=self)  # the innermost one that was used ends up in the options

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write a message; unlike argparse, do not ignore an output that cannot be written."""
        if message:
            (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        """Print the message with a near-miss and leave with the exit code of a usage error."""
        from harness.config.secrets import redact

        choice = re.search(r"invalid choice: (['\"])(.*?)\1", message)
        if choice:
            close = nearest(choice[2], [str(name) for action in self._actions for name in (action.choices or ())])
        else:
            unknown = [word.partition("=")[0] for word in message.split() if word.startswith("--")]
            own = [name[2:] for action in self._actions for name in action.option_strings if name.startswith("--")]
            found = nearest(unknown[0][2:], own) if unknown and message.startswith(UNKNOWN) else []
            close = [f"--{name}" for name in found]
            if unknown and "set" in own and message.startswith(UNKNOWN):
                name = unknown[0][2:]
                close = [_KEYS[name]] if name in _KEYS else close
                if name == "images" and "limit" in own:
                    close = [f"--limit N` for fewer images, or `{_KEYS[name]}"]
        near = f"\nDid you mean `{close[0]}`?" if close else ""
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {printable(redact(message))}{near}\n")


def positive(text: str) -> int:
    """Return a whole number from 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return value


def number(text: str) -> float:
    """Return a finite number."""
    return _between(text, -math.inf, math.inf, "number")


def percentage_points(text: str) -> float:
    """Return a number of percentage points from 0 to 100."""
    return _between(text, 0, 100, "number of percentage points from 0 to 100")


def megabytes(text: str) -> float:
    """Return a size in megabytes from 0.1."""
    return _between(text, 0.1, 1000, "size in megabytes from 0.1")


def gigabytes(text: str) -> float:
    """Return a size in gigabytes from 0."""
    return _between(text, 0, 1e6, "size in gigabytes")


def _between(text: str, low: float, high: float, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and low <= value <= high):
        raise argparse.ArgumentTypeError(f"{text!r} is not a {what}")
    return value


def add_config(parser: argparse.ArgumentParser, *, kinds: str = "a YAML file") -> None:
    """Add CONFIG and ``--set``: ``options.config`` (a path) and ``options.overrides`` (texts)."""
    parser.add_argument("config", metavar="CONFIG", type=Path, help=f"the configuration: {kinds}")
    add_set(
        parser, "override a configuration key, such as dataset.path=/data/val or candidates.ir.device=GPU (repeatable)"
    )


def add_set(parser: argparse.ArgumentParser, text: str) -> None:
    """Add ``--set``: ``options.overrides`` (texts). ``text``: its help."""
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], dest="overrides", help=text)


def add_run(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add RUN: ``options.folder``, a path, or None if it is ``optional`` and not given."""
    help_text = "the folder of a run, or its run.json"
    parser.add_argument("folder", metavar="RUN", type=Path, nargs="?" if optional else None, help=help_text)


def add_json(parser: argparse._ActionsContainer) -> None:
    """Add ``--json``: ``options.json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON document to stdout, and nothing else")


def add_actions(parser: argparse.ArgumentParser) -> argparse._SubParsersAction[Parser]:
    """Let a command have actions, such as `config check`: ``options.action`` names the chosen one."""
    return parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)


def add_named(among: argparse._SubParsersAction[Parser], name: str, text: str) -> Parser:
    """Add and return a command's or an action's parser; its own `--help` begins with ``text`` as a sentence."""
    return among.add_parser(name, help=text, description=f"{text[:1].upper()}{text[1:]}.")
