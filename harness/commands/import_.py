"""`harness import`: the configuration of another tool as one of the harness."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.commands.result import Result
from harness.text import printable

NAME = "import"
HELP = "write a configuration from Accuracy Checker's accuracy-check.yml"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness import`."""
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="the accuracy-check.yml; a model.yml next to it is read, too"
    )
    parser.add_argument(
        "--images", metavar="PATH", type=Path, help="write this path as the image set (default: ${IMAGENET_VAL})"
    )
    parser.add_argument(
        "--models", metavar="DIR", type=Path, help="look for the models in this folder (default: build)"
    )
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="write the configuration to this file (default: stdout)"
    )
    parser.add_argument(
        "--definitions",
        metavar="FILE",
        type=Path,
        help="read this dataset_definitions.yml (default: `global_definitions`, or the one in the folder of FILE "
        "or above)",
    )
    parser.add_argument(
        "--only",
        metavar="FRAMEWORK",
        action="append",
        default=[],
        help="import only the entries of this framework (repeatable; default: all)",
    )
    parser.add_argument("--dataset", metavar="NAME", help="import only the entries on this data set (default: all)")


def run(options: argparse.Namespace) -> Result:
    """Read the file and print or write the configuration; notes for the reader go to stderr."""
    from harness.disk.atomic import make_folder, write_atomically
    from harness.importing.accuracy_checker import read_accuracy_check
    from harness.importing.configuration import write_configuration
    from harness.importing.conversions import conversion_note

    check = read_accuracy_check(options.file, options.definitions, options.only, options.dataset)
    text = write_configuration(check, options.images, options.models, options.out)
    notes = [*(f"{note.at}: {note.what}" for note in check.notes), *conversion_note(check)]
    error = "\n".join(f"note: {note}" for note in notes) or None
    if options.out is None:
        return Result(text=text, error=error)
    make_folder(options.out.absolute().parent, named_by="--out")
    write_atomically(options.out, text.encode(), named_by="--out")
    count = len(check.entries)
    return Result(
        text=f"{printable(str(options.out))}: written, {count} model{'s' if count > 1 else ''}\n", error=error
    )
