"""`harness feed`: what each model is fed, as arrays in a file."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.commands.options import add_config
from harness.commands.result import Result
from harness.errors import ConfigError, nearest
from harness.text import printable

NAME = "feed"
HELP = "write the pixels that each model receives to a file; needs no model file and no data set"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness feed`."""
    add_config(parser)
    parser.add_argument("images", metavar="IMAGE", type=Path, nargs="+", help="an image file")
    parser.add_argument("--model", metavar="ID", help="write only the pixels of this model (default: all models)")
    parser.add_argument(
        "--out",
        metavar="FILE.npz",
        type=Path,
        required=True,
        help="write one array per model id to this file (required): images x height x width x 3, in the model's "
        "colour order, after mean and scale",
    )


def run(options: argparse.Namespace) -> Result:
    """Prepare the images as each model takes them and write the arrays."""
    from harness.config.fed import load_fed
    from harness.disk.atomic import make_folder, write_atomically
    from harness.feeding.feed import feed, npz

    fed = load_fed(options.config, options.overrides)
    models = [model for model in fed.models if options.model in (None, model.id)]
    if not models:
        known = [model.id for model in fed.models]
        close = nearest(options.model, known)
        hint = f"did you mean {close[0]}?" if close else f"available: {', '.join(known)}"
        raise ConfigError(printable(f"--model {options.model}: no such model in {options.config}; {hint}"))
    arrays = feed(fed, models, options.images)
    make_folder(options.out.absolute().parent, named_by="--out")
    write_atomically(options.out, npz(arrays), named_by="--out")
    lines = [f"{name}: {'x'.join(map(str, array.shape))} {array.dtype}\n" for name, array in arrays.items()]
    return Result(text="".join([*lines, f"written to {printable(str(options.out))}\n"]))
