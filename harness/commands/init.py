"""`harness init`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.commands.result import Result
from harness.errors import ConfigError
from harness.text import printable

if TYPE_CHECKING:
    from harness.proposing.measuring import Measured
    from harness.proposing.proposal import Found

NAME = "init"
HELP = "write a first configuration from model files, and measure how they are fed"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness init`."""
    parser.add_argument(
        "models", metavar="MODEL", type=Path, nargs="+", help="a model's file; the original first, if any"
    )
    parser.add_argument("--images", metavar="PATH", type=Path, help="labelled images to measure the contract with")
    parser.add_argument("--labels", metavar="SOURCE", help="their labels, as `dataset.labels` (default: auto)")
    parser.add_argument(
        "-o", "--out", metavar="FILE", type=Path, help="write the configuration there (default: stdout)"
    )
    parser.add_argument("--force", action="store_true", help="replace that file")


def run(options: argparse.Namespace) -> Result:
    """Describe the models, measure their contracts where there are images, and write the configuration."""
    from harness.disk.atomic import make_folder, write_atomically
    from harness.proposing.proposal import found_models
    from harness.proposing.writing import written

    out: Path | None = options.out
    if out is not None and out.exists() and not options.force:
        raise ConfigError(f"{out}: exists; name another file with -o, or add --force to replace it")
    found = found_models(options.models)
    measured = _measured(found, options) if options.images is not None else {}
    place = out.absolute().parent if out is not None else Path.cwd()
    text = written(found, measured, options.images, options.labels, place)
    if out is None:
        return Result(text=text)
    make_folder(place)
    write_atomically(out, text.encode())
    lines = [f"{out}: written. Next: harness validate {out}"]
    for name, result in measured.items():
        lines.append(f"{name}: {result.correct} of {result.images} images correct with {result.trial.words}")
        lines += [
            f"  no clear margin for {item.part}: {item.words}" for item in result.choices.values() if not item.clear
        ]
    return Result(text="".join(f"{printable(line)}\n" for line in lines))


def _measured(found: list[Found], options: argparse.Namespace) -> dict[str, Measured]:
    """Measure each model's contract on the images. Raises DatasetError where there are none."""
    from harness.backends.base import ModelSpec
    from harness.config import Input
    from harness.config.schema import Dataset
    from harness.dataset.image_set import open_image_set
    from harness.errors import DatasetError
    from harness.proposing.measuring import measure
    from harness.proposing.proposal import classes_of, size_of

    classes, background, _ = classes_of(found)
    keys: dict[str, Any] = {"labels": options.labels} if options.labels else {}
    dataset = Dataset(path=options.images, classes=classes, background_class=False, **keys)
    images = open_image_set(dataset)
    if len(images.manifest) == 0:
        raise DatasetError(f"{options.images}: lists no image, so nothing can be measured")
    labels = images.manifest.labels[:256]
    measured = {}
    for item in found:
        said = item.description
        spec = ModelSpec(
            id=item.id,
            model=str(item.path),
            input=Input(name=said.inputs[0].name or None, color="RGB"),
            output=said.outputs[-1].name or None,
            size=size_of(found),
            outputs=classes + int(background),
        )

        def say(text: str, name: str = item.id) -> None:
            print(f"init: {printable(name)}: {printable(text)}", file=sys.stderr)

        measured[item.id] = measure(item.facts.name, spec, images, classes=labels, known=_known(item), progress=say)
    return measured


def _known(item: Found) -> Any:
    """Return which trials the file leaves open: those that contradict what it says are not tried."""
    from harness.proposing.measuring import Trial

    said = item.description

    def allowed(trial: Trial) -> bool:
        if said.color is not None and trial.color != said.color:
            return False
        if said.mean is not None and said.scale is not None:
            return (trial.mean, trial.scale) == (said.mean, said.scale)
        return True

    return allowed
