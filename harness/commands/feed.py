"""`harness feed`: what each model of a configuration is fed for given images, as a file of arrays."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from harness.commands.options import add_config
from harness.commands.result import Result
from harness.errors import ConfigError, DatasetError, nearest
from harness.text import printable

if TYPE_CHECKING:
    from harness.config import Candidate, Config, Reference

NAME = "feed"
HELP = "write what each model is fed for given images"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness feed`."""
    add_config(parser)
    parser.add_argument("images", metavar="IMAGE", nargs="+", type=Path, help="an image file")
    parser.add_argument("--model", metavar="ID", help="feed only this model")
    parser.add_argument(
        "--out", metavar="FILE", type=Path, required=True, help="the .npz file: per model id (n, height, width, 3)"
    )


def run(options: argparse.Namespace) -> Result:
    """Prepare the images for each model and write the file."""
    import numpy as np

    from harness.config import load_config
    from harness.dataset.image import BadImageError
    from harness.disk.arrays import write_arrays
    from harness.feeding.feed import feed

    config = load_config(options.config, options.overrides, without_dataset=True)
    models = _chosen(config, options.model)
    encoded = [(image, _read(image)) for image in options.images]
    arrays = {}
    for model in models:
        preprocess = config.preprocess_for(model)
        rows = []
        for image, data in encoded:
            try:
                rows.append(feed(data, preprocess, model.input))
            except BadImageError as error:
                raise DatasetError(printable(f"{image}: {error}")) from None
        arrays[model.id] = np.stack(rows)
    write_arrays(options.out, arrays)
    lines = [f"{name}: {array.dtype} ({', '.join(map(str, array.shape))})" for name, array in arrays.items()]
    return Result(text="\n".join([*lines, f"written: {printable(str(options.out))}"]) + "\n")


def _chosen(config: Config, wanted: str | None) -> list[Reference | Candidate]:
    models: list[Reference | Candidate] = [config.reference, *config.candidates]
    if wanted is None:
        return models
    found = [model for model in models if model.id == wanted]
    if not found:
        ids = [model.id for model in models]
        close = nearest(wanted, ids)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(ids)}"
        raise ConfigError(printable(f"--model {wanted}: no model of the configuration has this id; {hint}"))
    return found


def _read(image: Path) -> bytes:
    try:
        return image.read_bytes()
    except OSError as error:
        raise DatasetError(printable(f"{image}: cannot be read: {error.strerror or error}")) from None
