"""`harness dataset inspect` and `harness dataset index`: what lies at a path, before anything is measured."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

from harness.dataset.inspection import inspect as look
from harness.dataset.sources.opening import Labelled, Wanted, open_labelled, read_class_names
from harness.disk.atomic import write_atomically
from harness.errors import ConfigError, DatasetError, RecordError
from harness.machine.environment import cores


def _open(options: argparse.Namespace, *, trust: bool) -> tuple[Labelled, int]:
    names = read_class_names(options.class_names) if options.class_names else None
    classes = options.classes or (len(names) if names else 1000)
    if names and classes != len(names):
        raise ConfigError(f"--classes {classes}: {options.class_names} names {len(names)} classes")
    labels = str(options.labels) if options.labels else "auto"
    wanted = Wanted(options.path, options.form or "auto", labels, trust, classes, names)
    return open_labelled(wanted), classes


def inspect(options: argparse.Namespace) -> int:
    """Print what was recognised. Labels that contradict the built-in ones are said, not refused."""
    labelled, classes = _open(options, trust=True)
    found = look(labelled, path=str(options.path), classes=classes, threads=cores(), images=options.images)
    if options.json:
        json.dump(found, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
        sys.stdout.write("\n")
    else:
        sys.stdout.write(as_text(found))
    return 0


def as_text(found: dict[str, Any]) -> str:
    """Return what `inspect` found as lines to read."""
    labels, classes, read = found["labels"], found["classes"], found["read"]
    lines = [
        ("path", found["path"]),
        ("form", found["form"]),
        ("images", f"{found['images']:,}"),
        ("classes", f"{classes['with_images']:,} with images, of {classes['configured']:,}"),
        ("labels", f"{labels['source']}; {labels['lowest']} to {labels['highest']}, counted from 0"),
        ("images per class", _spread(labels["images_per_class"])),
        ("read", f"{read['images']:,} images, {read['bytes'] / 1e6:,.1f} MB"),
        ("formats", _counts(found["formats"])),
        ("modes", _counts(found["modes"])),
        ("width", _spread(found["width"])),
        ("height", _spread(found["height"])),
        ("megapixels", _spread(found["megapixels"])),
        ("bad images", f"{found['bad_images']['count']:,}"),
    ]
    text = [f"{name:<17}{value}" for name, value in lines]
    text += [f"  {item['id']}: {item['reason']}" for item in found["bad_images"]["first"]]
    text += ["oddities         none"] if not found["oddities"] else ["oddities"]
    text += [f"  {sentence}" for sentence in found["oddities"]]
    text.append("examples")
    text += [f"  {item['id']}: class {item['class']}, {item['name'] or 'no name known'}" for item in found["examples"]]
    return "\n".join(text) + "\n"


def _spread(values: dict[str, float] | None) -> str:
    if values is None:
        return "-"
    return f"{values['min']:g} to {values['max']:g}, median {values['median']:g}, mean {values['mean']:g}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "-"


def index(options: argparse.Namespace) -> int:
    """Write the manifest, a list of image ids and classes for `dataset.labels`, and print where it is."""
    if options.file.exists() and not options.overwrite:
        raise ConfigError(f"{options.file}: is there already; --overwrite replaces it")
    labelled, classes = _open(options, trust=options.trust)
    outside = [name for name, label in labelled.pairs if not 0 <= label < classes]
    if outside:
        raise DatasetError(
            f"{options.path}: {len(outside)} classes are not in 0..{classes - 1}, first that of {outside[0]}"
        )
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(["image_id", "label"])
    writer.writerows(labelled.pairs)
    try:
        write_atomically(options.file, sink.getvalue().encode())
    except RecordError as error:
        raise DatasetError(str(error).replace(" with --out", "")) from None
    print(
        f"{options.file}: {len(labelled.pairs):,} images of the form {labelled.form}; "
        f"labels from {labelled.label_source}"
    )
    print(f"Use it with --set dataset.path={Path(options.path)} --set dataset.labels={options.file}")
    return 0
