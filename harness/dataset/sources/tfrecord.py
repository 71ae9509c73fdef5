"""TFRecord shards: as TensorFlow's ImageNet script makes them, and as TensorFlow Datasets prepares them.

The script's layout: `image/encoded`, `image/class/label` (from 1; 0 is background), `image/class/synset`,
`image/filename`. That of TensorFlow Datasets: `image`, `label` (from 0), `file_name`, with the classes' names next to
the shards in `label.labels.txt`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.dataset.imagenet import CLASSES, class_of_wnid
from harness.dataset.labels.class_names import classes_by_name
from harness.dataset.labels.listing import class_of, read_text, safe_name
from harness.dataset.remote.mirror import present
from harness.dataset.sources.example_wire import Feature, Window, WireError, features, records
from harness.dataset.sources.identity import distinct_names
from harness.dataset.sources.pictures import Pictures, Slice, slices
from harness.dataset.sources.shard_files import empty_shards
from harness.errors import DatasetError

_SCRIPT = (b"image/encoded", b"image/class/label", b"image/class/synset", b"image/filename")
_TFDS = (b"image", b"label", b"file_name")
_WANTED = frozenset(_SCRIPT + _TFDS)
_SHARD = re.compile(r"(^|[.-])tfrecords?($|[.-])|-[0-9]{5}-of-[0-9]{5}$")
NAMES_FILE = "label.labels.txt"


def is_tfrecord_name(name: str) -> bool:
    """Return whether a file is called as a shard is: `validation-00000-of-00128`, `x.tfrecord-00000-of-00064`."""
    return bool(_SHARD.search(name)) and not name.endswith((".json", ".parquet", ".tar", ".txt"))


@dataclass(frozen=True)
class _Record:
    place: Slice
    label: int
    synset: str | None
    name: str
    position: str  # shard and number


def open_tfrecord(
    files: Sequence[Path], *, classes: int, class_names: Sequence[str] | None = None, notes: tuple[str, ...] = ()
) -> Pictures:
    """Return the examples of the shards, in their order.

    Raises DatasetError if a shard is damaged, compressed or of another layout, and where label and synset disagree.
    """
    found: list[_Record] = []
    script = True
    for index, path in enumerate(files):
        for record, is_script in _read(index, path):
            found.append(record)
            script = is_script
    if not found:
        raise DatasetError(f"{files[0]}: the shards contain no record")
    if script:
        labels, source, more = _from_script(files[0].parent, found, classes)
    else:
        labels, source, more = _from_tfds(files[0].parent, found, classes, class_names)
    read, signature = slices(files, [record.place for record in found])
    notes += empty_shards(files, {record.place.file for record in found})
    form = "tfrecord" if script else "tfds"
    names = distinct_names([record.name for record in found], [record.position for record in found], read)
    return Pictures(form, names, read, signature, labels, source, notes=notes + more)


def _read(index: int, path: Path) -> list[tuple[_Record, bool]]:
    present(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from None
    number = -1
    try:
        window = Window(descriptor)
        if window.size >= 2 and window.bytes(0, 2) == b"\x1f\x8b":
            raise DatasetError(f"{path}: a compressed TFRecord, so that images cannot be read in place; `gunzip` it")
        rows = []
        for number, (start, end) in enumerate(records(window)):
            rows.append(_record(window, index, f"{path.name}:{number}", features(window, start, end, _WANTED)))
    except (WireError, OSError) as error:
        raise DatasetError(f"{path}: record {number + 1}: {error}; is it a TFRecord of images?") from None
    finally:
        os.close(descriptor)
    return rows


def _record(window: Window, index: int, place: str, found: dict[bytes, Feature]) -> tuple[_Record, bool]:
    script = b"image/encoded" in found
    image_key, label_key = (_SCRIPT if script else _TFDS)[:2]
    image, label = found.get(image_key, Feature()), found.get(label_key, Feature())
    if len(image.places) != 1 or len(label.integers) != 1:
        raise WireError(
            "no image with one label in it (expected: image/encoded and image/class/label, or image and label)"
        )
    synset = _text(window, found.get(b"image/class/synset")) if script else None
    name = _text(window, found.get(b"image/filename" if script else b"file_name")) or place
    try:
        name = safe_name(name, place)
    except DatasetError as error:
        raise WireError(str(error)) from None
    return _Record(Slice(index, *image.places[0]), label.integers[0], synset, name, place), script


def _text(window: Window, feature: Feature | None) -> str | None:
    if feature is None or not feature.places or feature.places[0][1] > 4096:
        return None
    return window.bytes(*feature.places[0]).decode("utf-8", "backslashreplace")


def _from_script(folder: Path, found: Sequence[_Record], classes: int) -> tuple[list[int], str, tuple[str, ...]]:
    table = class_of_wnid()
    known = [record for record in found if record.synset in table] if classes == CLASSES else []
    if known:
        offsets = {record.label - table[str(record.synset)] for record in known}
        if len(offsets) > 1 or not offsets <= {0, 1}:
            first = next(record for record in known if record.label - table[str(record.synset)] != 1)
            raise DatasetError(
                f"{folder}: image/class/label and image/class/synset disagree: {first.name} has the label "
                f"{first.label}, and {first.synset} is class {table[str(first.synset)]}, which this layout stores "
                "as 1 more. It is unknown which of the two is right; set dataset.labels to a list"
            )
        offset = offsets.pop()
        proof = "compared with image/class/synset"
    else:
        offset = 0 if any(record.label == 0 for record in found) else 1
        proof = "no image/class/synset to compare them with"
    notes = () if offset else (f"{folder}: image/class/label counts from 0, where this layout counts from 1",)
    return [record.label - offset for record in found], f"image/class/label ({offset} = first class; {proof})", notes


def _from_tfds(
    folder: Path, found: Sequence[_Record], classes: int, class_names: Sequence[str] | None
) -> tuple[list[int], str, tuple[str, ...]]:
    labels = [record.label for record in found]
    path = folder / NAMES_FILE
    if not path.is_file():
        return labels, "label", ()
    names = [line.strip() for line in read_text(path).split("\n") if line.strip()]
    known = classes_by_name(class_names) if class_names else {name: [row] for name, row in class_of_wnid().items()}
    if not class_names and classes != CLASSES:
        return labels, f"label (names: {path})", ()
    unknown = [name for name in names if name not in known]
    if unknown:
        wanted = "dataset.class_names" if class_names else "the 1,000 WordNet ids of ILSVRC2012"
        if class_names or len(unknown) < len(names):
            raise DatasetError(f"{path}: {len(unknown)} names, such as {unknown[0][:40]!r}, are not in {wanted}")
        return labels, f"label (names: {path})", ()
    outside = [record for record in found if not 0 <= record.label < len(names)]
    if outside:
        raise DatasetError(f"{outside[0].name}: the label {outside[0].label} has no name in {path}")
    return [class_of(names[label], known, str(path)) for label in labels], f"label, by its name in {path}", ()
