"""`harness init`: a first configuration from model files, and from images how the models are fed."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from harness.commands.result import Result
from harness.errors import EXIT_NOTHING_DECIDED, EXIT_OK, ConfigError, RecordError
from harness.text import printable

NAME = "init"
HELP = "write a first configuration from model files, with preprocessing measured on images"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness init`."""
    parser.add_argument("models", metavar="MODEL", type=Path, nargs="+", help="the file or folder of a model")
    parser.add_argument(
        "--images",
        metavar="PATH",
        type=Path,
        help="measure the preprocessing on this labelled image set (default: take it from the files)",
    )
    parser.add_argument(
        "--labels",
        metavar="SOURCE",
        help="take the labels of --images from this list, devkit folder or archive (default: auto)",
    )
    parser.add_argument(
        "--class-names",
        metavar="FILE",
        type=Path,
        help="read class names from this file, one per line in the network's order "
        "(default: a classes.txt next to images or model that fits)",
    )
    parser.add_argument(
        "-o", "--out", metavar="FILE", type=Path, help="write the configuration to this file (default: stdout)"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing configuration")


def run(options: argparse.Namespace) -> Result:
    """Describe the models, measure their contracts where there are images, and print or write the configuration."""
    from harness.disk.atomic import make_folder, write_atomically
    from harness.proposing.models import find_models
    from harness.proposing.proposal import propose, summary
    from harness.proposing.writing import written

    out: Path | None = options.out
    if options.labels and options.images is None:
        raise ConfigError("--labels needs an image set; add --images PATH")
    if options.class_names and options.images is None:
        raise ConfigError("--class-names needs an image set; add --images PATH")
    if out is not None:
        _require_writable(out, force=options.force)
    proposal = propose(find_models(options.models), options.images, options.labels, _say, options.class_names)
    text = written(proposal, out)
    lines = [printable(line) for line in summary(proposal)]
    found = [measured.reached for measured in proposal.measured.values()]
    code = EXIT_OK if all(found) else EXIT_NOTHING_DECIDED
    if out is None:
        return Result(code, text=text, error="\n".join(lines) or None)
    make_folder(out.absolute().parent, named_by="--out")
    write_atomically(out, text.encode(), named_by="--out")
    place = printable(str(out))
    lines.append(f"{place}: written; next: harness validate {place}")
    return Result(code, text="".join(f"{line}\n" for line in lines))


def _require_writable(out: Path, *, force: bool) -> None:
    """Refuse a file before anything is measured for it. Raises ConfigError or RecordError."""
    if out.is_dir():
        raise ConfigError(f"{out}: is a folder; give a file with -o FILE")
    if out.exists() and not force:
        raise ConfigError(f"{out}: already exists; give another file with -o FILE, or replace it with --force")
    there = next(folder for folder in out.absolute().parents if folder.exists())
    if not os.access(there, os.W_OK):
        raise RecordError(f"{out}: cannot be written: no permission in {there}; give another file with -o FILE")


def _say(name: str, text: str) -> None:
    print(f"init: {printable(name)}: {printable(text)}", file=sys.stderr)
