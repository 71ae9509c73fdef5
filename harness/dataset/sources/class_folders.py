"""One folder a class: WordNet ids, numbers, or the names of `dataset.class_names`; the order on disk means nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from harness.dataset.imagenet import class_of_wnid
from harness.dataset.sources.pictures import Pictures, is_image_name, whole_files
from harness.errors import DatasetError


def open_class_folders(folder: Path, class_names: Sequence[str] | None = None) -> Pictures:
    """Return the images of every sub-folder, sorted by class and name.

    Raises DatasetError where a folder's name stands for no class, or two stand for the same.
    """
    folders = _folders(folder)
    by_name = {name: index for index, name in enumerate(class_names)} if class_names else {}
    found: dict[int, str] = {}
    notes, empty, loose = [], [], _images(folder)
    images: list[tuple[int, str]] = []
    for name in folders:
        label = _class(name, by_name, folder)
        if label in found:
            raise DatasetError(f"{folder}: the folders {found[label]} and {name} stand for the same class {label}")
        found[label] = name
        inside = _images(folder / name)
        images += [(label, f"{name}/{image}") for image in inside]
        if not inside:
            empty.append(name)
    if not images:
        raise DatasetError(f"{folder}: no image in any of its {len(folders)} folders")
    if empty:
        notes.append(f"{folder}: {len(empty)} class folders without an image, such as {empty[0]}")
    if loose:
        notes.append(f"{folder}: {len(loose)} images in no class folder, such as {loose[0]}, not evaluated")
    images.sort()
    names = [name for _, name in images]
    read, signature = whole_files(folder, names)
    kind = "names of dataset.class_names" if by_name else "numbers" if folders[0].isdigit() else "WordNet ids"
    return Pictures(
        "class_folders", names, read, signature, [label for label, _ in images], f"folders ({kind})", notes=tuple(notes)
    )


def _folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be read: {error.strerror}") from None


def _images(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if is_image_name(entry.name) and not entry.is_dir())
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be read: {error.strerror}") from None


def _class(name: str, by_name: dict[str, int], folder: Path) -> int:
    if name in by_name:
        return by_name[name]
    if not by_name:
        if name in class_of_wnid():
            return class_of_wnid()[name]
        if name.isascii() and name.isdigit() and len(name) < 10:
            return int(name)
    known = "none of dataset.class_names" if by_name else "neither a WordNet id of ILSVRC2012 nor a number"
    raise DatasetError(
        f"{folder}: the folder {name} is {known}; set dataset.class_names to a file with one class name a line, in the "
        "network's order"
    )
