"""Finds labels for images without any: the configured ones, or those next to the images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.dataset.imagenet import CLASSES, IMAGES, label_of
from harness.dataset.labels.devkit import GROUND_TRUTH, find_devkit, read_devkit
from harness.dataset.labels.kaggle import (
    ANNOTATIONS_BELOW,
    SOLUTION,
    is_annotations,
    is_solution,
    read_annotations,
    read_solution,
)
from harness.dataset.labels.list_file import read_list
from harness.dataset.labels.listing import classes_of
from harness.dataset.labels.table import LabelTable
from harness.errors import DatasetError

_ABOVE = 4  # folders above the images in which Kaggle's files and the devkit are looked for


def read_labels(path: Path, class_names: Sequence[str] | None) -> tuple[str, LabelTable]:
    """Read labels from a file or folder of any kind: (`list`, `devkit` or `kaggle`, table). Raises DatasetError."""
    if path.is_dir():
        if is_annotations(path):
            return "kaggle", read_annotations(path)
        if (path / SOLUTION).is_file():
            return "kaggle", read_solution(path / SOLUTION)
        return "devkit", read_devkit(path)
    if path.name == GROUND_TRUTH or path.name.endswith((".tar", ".tar.gz", ".tgz")):
        return "devkit", read_devkit(path)
    if is_solution(path):
        return "kaggle", read_solution(path)
    if path.suffix == ".parquet":
        from harness.dataset.sources.manifest_file import read_parquet_list

        lines = read_parquet_list(path)
        classes = classes_of(path, lines, class_names)
        wnids = [line.wnid for line in lines]
        return "list", LabelTable(str(path), [line.name for line in lines], classes, wnids=wnids)
    return "list", read_list(path, class_names)


def find_labels(folder: Path, *, form: str | None = None) -> tuple[str, LabelTable] | None:
    """Return the devkit's or Kaggle's labels near ``folder``, or None. ``form``: only that kind."""
    places = [folder, *folder.absolute().parents[:_ABOVE]]
    for place in places:
        if form in (None, "devkit") and (devkit := find_devkit(place)):
            return "devkit", read_devkit(devkit)
        if form in (None, "kaggle") and is_solution(place / SOLUTION):
            return "kaggle", read_solution(place / SOLUTION)
    for place in places:
        if form in (None, "kaggle") and is_annotations(place / ANNOTATIONS_BELOW):
            return "kaggle", read_annotations(place / ANNOTATIONS_BELOW)
    return None


def builtin_labels(names: Sequence[str], *, classes: int, place: str) -> LabelTable:
    """Return the built-in labels for images by their official names.

    Raises DatasetError if an image is not called so, or the data set is said to have another number of classes.
    """
    if classes != CLASSES:
        raise DatasetError(
            f"{place}: no labels were found, and the built-in labels of ILSVRC2012 have {CLASSES} classes, not "
            f"{classes} (dataset.classes); set dataset.labels to a `name class` list"
        )
    found = [(name, label) for name in names if (label := label_of(name)) is not None]
    if len(found) < len(names):
        known = {name for name, _ in found}
        other = [name for name in names if name not in known]
        raise DatasetError(
            f"{place}: no labels were found for {len(other):,} of {len(names):,} images, "
            f"such as {other[0]}, which is not called ILSVRC2012_val_00000001 to ILSVRC2012_val_00050000. "
            "Set dataset.labels to a `name class` list"
        )
    notes = (f"{place}: {len(names):,} of the {IMAGES:,} images of ILSVRC2012",) if len(names) != IMAGES else ()
    return LabelTable(
        "built-in labels of ILSVRC2012", [name for name, _ in found], [label for _, label in found], notes=notes
    )
