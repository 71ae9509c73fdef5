"""`harness dataset inspect` and `harness dataset index`: the content of a path, before anything is measured."""

from __future__ import annotations

import argparse
import csv
import io
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.commands.options import add_actions, add_json, add_named, positive
from harness.commands.result import Result
from harness.config.secrets import redact
from harness.config.urls import url_of
from harness.disk.leftovers import temporary_folder
from harness.errors import ConfigError, DatasetError, RecordError
from harness.text import printable

if TYPE_CHECKING:
    from harness.dataset.sources.opening import Labelled

NAME = "dataset"
HELP = "inspect an image set before a run, or write its list of images and classes"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `harness dataset`."""
    actions = add_actions(parser)
    inspecting = add_named(
        actions, "inspect", "show the form, labels, sizes and color modes of an image set, and warn of problems"
    )
    indexing = add_named(actions, "index", "write a list of image ids and classes (.csv)")
    for action in (inspecting, indexing):
        action.add_argument(
            "path", metavar="PATH", type=Path, help="the image set: a folder, file or URL (docs/datasets.md)"
        )
        action.add_argument(
            "--form",
            metavar="FORM",
            help="read the image set as this form (default: recognised automatically; docs/datasets.md)",
        )
        action.add_argument(
            "--labels",
            metavar="PATH",
            type=Path,
            help="take the labels from this list, devkit folder or solution file (default: found automatically)",
        )
        action.add_argument(
            "--class-names",
            metavar="FILE",
            type=Path,
            help="read class names from this file, one per line (default: none)",
        )
        action.add_argument(
            "--classes", metavar="N", type=positive, help="expect N classes, without background (default: 1000)"
        )
    inspecting.add_argument("--images", metavar="N", type=positive, help="read only the first N images (default: all)")
    add_json(inspecting)
    indexing.add_argument("file", metavar="FILE", type=Path, help="the list to write (.csv)")
    indexing.add_argument("--overwrite", action="store_true", help="replace an existing file")
    indexing.add_argument(
        "--trust",
        action="store_true",
        help="write the list even if its labels contradict the built-in ones of ImageNet",
    )


def run(options: argparse.Namespace) -> Result:
    """Run the chosen action."""
    options.shown = redact(url_of(options.path) or str(options.path))
    _fetch(options)
    return inspect(options) if options.action == "inspect" else index(options)


def _fetch(options: argparse.Namespace) -> None:
    """Replace URLs by paths on disk, as a run does. Raises ConfigError or DatasetError."""
    if not any(path is not None and url_of(path) for path in (options.path, options.labels, options.class_names)):
        return
    from harness.config import Dataset
    from harness.config.schema import Cache
    from harness.dataset.remote.local import local_dataset
    from harness.dataset.remote.mirror import RemoteCache
    from harness.machine.cache_place import default_cache_folder

    labels = "auto" if options.labels is None else str(options.labels)
    given = Dataset(path=options.path, labels=labels, class_names=options.class_names)
    local = local_dataset(given, RemoteCache(default_cache_folder(), int(Cache().remote_gb * 1e9)))
    options.path, options.class_names = local.path, local.class_names
    options.labels = None if options.labels is None else Path(local.label_source)


def _open(options: argparse.Namespace, *, trust: bool) -> tuple[Labelled, int]:
    from harness.dataset.sources.opening import ImageSetRequest, open_labelled, read_class_names

    names = read_class_names(options.class_names) if options.class_names else None
    classes = options.classes or (len(names) if names else 1000)
    if names and classes != len(names):
        raise ConfigError(f"--classes {classes}: {printable(str(options.class_names))} names {len(names)} classes")
    labels = str(options.labels) if options.labels else "auto"
    wanted = ImageSetRequest(options.path, options.form or "auto", labels, trust, classes, names)
    return open_labelled(wanted), classes


def inspect(options: argparse.Namespace) -> Result:
    """Inspect a set; labels that contradict the built-in ones, or cannot be read, are reported and not refused."""
    from harness.dataset.inspection import inspect as look
    from harness.machine.environment import cores

    try:
        labelled, classes = _open(options, trust=True)
    except DatasetError as error:
        named = [file for file in (options.labels, options.class_names) if file and not Path(file).exists()]
        if named or options.form:
            raise
        labelled, classes = _without_labels(options, error), options.classes or 1000
    found = look(labelled, path=options.shown, classes=classes, threads=cores(), images=options.images)
    found["oddities"] = [text.replace(str(options.path), options.shown) for text in found["oddities"]]
    return Result(document=found) if options.json else Result(text=as_text(found))


def _without_labels(options: argparse.Namespace, error: DatasetError) -> Labelled:
    """Return the images of a set whose labels cannot be used, none if no form of set is recognised.

    Raises ``error`` where the path does not exist.
    """
    from harness.dataset.sources.opening import ImageSetRequest, Labelled, open_unlabelled

    try:
        pictures = open_unlabelled(ImageSetRequest(options.path, options.form or "auto"))
    except DatasetError as unknown:
        if not options.path.exists():
            raise
        return Labelled("unknown", [], _nothing, _nothing, "none", None, (str(unknown),))  # type: ignore[arg-type]
    notes = (*pictures.notes, f"no labels: {error}")
    pairs = [(name, None) for name in pictures.names]
    return Labelled(pictures.form, pairs, pictures.read, pictures.signature, "none", None, notes)  # type: ignore[arg-type]


def _nothing(row: int) -> bytes:
    raise IndexError(row)


def as_text(found: dict[str, Any]) -> str:
    """Return what `inspect` found as lines to read."""
    labels, classes, read = found["labels"], found["classes"], found["read"]
    lines = [
        ("path", found["path"]),
        ("form", found["form"]),
        ("images", f"{found['images']:,}"),
        ("classes", f"{classes['with_images']:,} with images, of {classes['configured']:,}"),
        ("labels", f"{labels['source']}{_range(labels)}"),
        ("images per class", _spread(labels["images_per_class"])),
        ("read", f"{read['images']:,} images, {read['bytes'] / 1e6:,.1f} MB"),
        ("formats", _counts(found["formats"])),
        ("modes", _counts(found["modes"])),
        ("width", _spread(found["width"])),
        ("height", _spread(found["height"])),
        ("megapixels", _spread(found["megapixels"])),
        ("bad images", f"{found['bad_images']['count']:,}"),
    ]
    text = [f"{name:<17}{printable(value)}" for name, value in lines]
    text += [printable(f"  {item['id']}: {item['reason']}") for item in found["bad_images"]["first"]]
    text += ["warnings         none"] if not found["oddities"] else ["warnings"]
    text += [printable(f"  {sentence}") for sentence in found["oddities"]]
    text.append("examples")
    text += [printable(f"  {item['id']}: {_class_of(item)}") for item in found["examples"]]
    return "\n".join(text) + "\n"


def _range(labels: dict[str, Any]) -> str:
    return "" if labels["lowest"] is None else f"; {labels['lowest']} to {labels['highest']}, counted from 0"


def _class_of(item: dict[str, Any]) -> str:
    return "no label" if item["class"] is None else f"class {item['class']}, {item['name'] or 'no name known'}"


def _spread(values: dict[str, float] | None) -> str:
    if values is None:
        return "-"
    return f"{values['min']:g} to {values['max']:g}, median {values['median']:g}, mean {values['mean']:g}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "-"


def index(options: argparse.Namespace) -> Result:
    """Write the manifest, a list of image ids and classes for `dataset.labels`; the result says where it is."""
    from harness.disk.atomic import write_atomically

    if options.file.exists() and not options.overwrite:
        raise ConfigError(
            f"{printable(str(options.file))}: already exists; choose another FILE, or replace it with --overwrite"
        )
    labelled, classes = _open(options, trust=options.trust)
    outside = [name for name, label in labelled.pairs if not 0 <= label < classes]
    if outside:
        raise DatasetError(
            printable(f"{options.path}: {len(outside)} classes are not in 0..{classes - 1}, first that of {outside[0]}")
        )
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(["image_id", "label"])
    writer.writerows(labelled.pairs)
    _read_back(options, sink.getvalue(), labelled)
    try:
        write_atomically(options.file, sink.getvalue().encode(), named_by="")
    except RecordError as error:
        raise DatasetError(str(error)) from None
    images = f"{len(labelled.pairs):,} images of the form {labelled.form}; labels from {labelled.label_source}"
    use = f"Use it with --set dataset.path={options.shown} --set dataset.labels={options.file}"
    return Result(text=f"{printable(f'{options.file}: {images}')}\n{printable(use)}\n")


def _read_back(options: argparse.Namespace, text: str, labelled: Labelled) -> None:
    """Read a list as a run would read it. Raises DatasetError if that gives other images or classes."""
    from harness.dataset.labels.find import read_labels
    from harness.dataset.sources.opening import read_class_names

    names = read_class_names(options.class_names) if options.class_names else None
    with temporary_folder("index") as folder:
        path = Path(folder, options.file.name)
        try:
            path.write_text(text, encoding="utf-8", newline="")
            _, table = read_labels(path, names)
            found = list(zip(table.names, table.classes, strict=True))
        except (OSError, DatasetError) as error:
            reason = str(error).replace(str(path), str(options.file))
            raise DatasetError(
                printable(f"{options.file}: not written, because it could not be read back: {reason}")
            ) from None
    if found != labelled.pairs:
        pairs = zip_longest(labelled.pairs, found, fillvalue=("", -1))
        name = next((mine[0] for mine, back in pairs if mine != back), "")
        raise DatasetError(
            printable(f"{options.file}: not written, because a list cannot hold the name {name!r}; rename the image")
        )
