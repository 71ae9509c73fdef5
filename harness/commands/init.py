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
HELP = "write a first configuration from model files, and measure their preprocessing"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness init`."""
    parser.add_argument("models", metavar="MODEL", type=Path, nargs="+", help="a model's file or folder")
    parser.add_argument("--images", metavar="PATH", type=Path, help="a labelled image set to measure the contract with")
    parser.add_argument("--labels", metavar="SOURCE", help="its labels, as `dataset.labels` (default: auto)")
    parser.add_argument(
        "--class-names",
        metavar="FILE",
        type=Path,
        help="names of the classes, one per line in the network's order, for a data set with its own classes "
        "(default: a classes.txt beside images or model that fits)",
    )
    parser.add_argument("-o", "--out", metavar="FILE", type=Path, help="the configuration to write (default: stdout)")
    parser.add_argument("--force", action="store_true", help="replace that file")


def run(options: argparse.Namespace) -> Result:
    """Describe the models, measure their contracts where there are images, and print or write the configuration."""
    from harness.disk.atomic import make_folder, write_atomically
    from harness.proposing.models import find_models
    from harness.proposing.proposal import propose, summary
    from harness.proposing.writing import written

    out: Path | None = options.out
    if options.labels and options.images is None:
        raise ConfigError("--labels belongs to --images; name the image set, too")
    if options.class_names and options.images is None:
        raise ConfigError("--class-names belongs to --images; name the image set, too")
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
    lines.append(f"{place}: written. Next: harness validate {place}")
    return Result(code, text="".join(f"{line}\n" for line in lines))


def _require_writable(out: Path, *, force: bool) -> None:
    """Refuse a file before anything is measured for it. Raises ConfigError or RecordError."""
    if out.is_dir():
        raise ConfigError(f"{out}: is a folder; name a file with -o")
    if out.exists() and not force:
        raise ConfigError(f"{out}: exists; name another file with -o, or add --force to replace it")
    there = next(folder for folder in out.absolute().parents if folder.exists())
    if not os.access(there, os.W_OK):
        raise RecordError(f"{out}: cannot be written: no permission in {there}; name another file with -o")


def _say(name: str, text: str) -> None:
    print(f"init: {printable(name)}: {printable(text)}", file=sys.stderr)
