"""Labels as Kaggle has them: `LOC_val_solution.csv`, and one XML annotation an image."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET  # no document type is let through, and Expat bounds what is left

from harness.dataset.imagenet import class_of_wnid
from harness.dataset.labels.listing import read_text
from harness.dataset.labels.table import LabelTable
from harness.dataset.sources.folder_entries import entries_of
from harness.dataset.sources.suffixes import is_clutter, left_out
from harness.errors import DatasetError

SOLUTION = "LOC_val_solution.csv"
IMAGES_BELOW = "ILSVRC/Data/CLS-LOC/val"
ANNOTATIONS_BELOW = "ILSVRC/Annotations/CLS-LOC/val"
_HEADER = "ImageId,PredictionString"
_BOXES = re.compile(r"(n[0-9]{8})(?: -?[0-9.]+){4}")
_LARGEST = 1 << 20  # bytes of an annotation; the real ones have 1 kB
_ANNOTATIONS = 2_000_000


def is_solution(path: Path) -> bool:
    """Return whether a file begins as Kaggle's solution does."""
    try:
        with path.open("rb") as stream:
            return stream.read(64).removeprefix(b"\xef\xbb\xbf").startswith(_HEADER.encode())
    except OSError:
        return False


def read_solution(path: Path) -> LabelTable:
    """Read `LOC_val_solution.csv`: an image id, and `WordNet id + box` for each object, which are all of one class.

    Raises DatasetError with file and line where that is not so.
    """
    names, classes = [], []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        line = line.strip()
        if not line or line == _HEADER:
            continue
        name, _, boxes = line.partition(",")
        wnids = set(_BOXES.findall(boxes))
        if len(wnids) != 1 or _BOXES.sub("", boxes).strip(' "'):
            raise DatasetError(
                f"{path}:{number}: {line[:80]!r} is not a line of {SOLUTION}, such as "
                "`ILSVRC2012_val_00000001,n01751748 111 108 441 193`"
            )
        names.append(name.strip().strip('"'))
        classes.append(_class(wnids.pop(), f"{path}:{number}"))
    return LabelTable(f"Kaggle's {path}", names, classes, whole=True)


def is_annotations(folder: Path) -> bool:
    """Return whether a folder holds XML annotations."""
    try:
        return any(name.endswith(".xml") and not is_folder for name, is_folder in entries_of(folder))
    except OSError:
        return False


def read_annotations(folder: Path) -> LabelTable:
    """Read a folder of XML annotations, one an image; the class is that of its objects.

    Raises DatasetError that names the file where it is not an annotation, or its objects are of several classes.
    """
    try:
        every = sorted(name for name, is_folder in entries_of(folder) if name.endswith(".xml") and not is_folder)
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be read: {error.strerror}") from None
    files = [name for name in every if not is_clutter(name)]
    if not files or len(files) > _ANNOTATIONS:
        raise DatasetError(f"{folder}: {len(files):,} annotations; one .xml per image is expected")
    classes = [_annotated(folder / name) for name in files]
    notes = left_out(folder, [name for name in every if is_clutter(name)])
    return LabelTable(f"annotations in {folder}", [name[:-4] for name in files], classes, whole=True, notes=notes)


def _annotated(path: Path) -> int:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
        if len(data) > _LARGEST or b"<!DOCTYPE" in data or b"<!ENTITY" in data or b"\0" in data:
            raise ValueError("too large, or it contains a document type")
        found = ET.fromstring(data).findall("./object/name")  # noqa: S314
    except (OSError, ValueError, LookupError, ET.ParseError) as error:
        raise DatasetError(f"{path}: the annotation cannot be read: {error}") from None
    wnids = {(item.text or "").strip() for item in found}
    if len(wnids) != 1:
        raise DatasetError(
            f"{path}: objects of {len(wnids)} classes, but an image has one class; set dataset.labels to a list"
        )
    return _class(wnids.pop(), str(path))


def _class(wnid: str, place: str) -> int:
    try:
        return class_of_wnid()[wnid]
    except KeyError:
        raise DatasetError(f"{place}: {wnid[:40]!r} is not one of the 1,000 WordNet ids of ILSVRC2012") from None
