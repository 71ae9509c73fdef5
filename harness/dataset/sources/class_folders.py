"""One folder a class: WordNet ids, numbers, or the names of `dataset.class_names`; the order on disk means nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from harness.dataset.imagenet import class_of_wnid
from harness.dataset.labels.class_names import ByName, classes_by_name
from harness.dataset.labels.listing import class_of
from harness.dataset.sources.folder_entries import entries_of
from harness.dataset.sources.pictures import Pictures, whole_files
from harness.dataset.sources.suffixes import is_hidden, is_image_name, left_out
from harness.dataset.sources.unmarked import unmarked_images
from harness.errors import DatasetError

_WNID = re.compile(r"(n[0-9]{8})(?![0-9A-Za-z])")


def open_class_folders(folder: Path, class_names: Sequence[str] | None = None) -> Pictures:
    """Return the images of every sub-folder, sorted by class and name.

    Raises DatasetError if a folder's name stands for no class, or two stand for the same.
    """
    folders = _folders(folder)
    by_name = classes_by_name(class_names)
    found: dict[int, str] = {}
    notes, empty = [], []
    loose, other, _ = _content(folder)
    images: list[tuple[int, str]] = []
    below: list[str] = []
    for name in folders:
        label = _class(name, by_name, folder)
        if label in found:
            raise DatasetError(f"{folder}: the folders {found[label]} and {name} stand for the same class {label}")
        found[label] = name
        inside, beside, deeper = _content(folder / name)
        other += [f"{name}/{item}" for item in beside]
        below += [f"{name}/{item}" for item in deeper]
        images += [(label, f"{name}/{image}") for image in inside]
        if not inside:
            empty.append(name)
    if not images:
        raise DatasetError(f"{folder}: no image in any of its {len(folders)} folders")
    if empty:
        notes.append(f"{folder}: {len(empty)} class folders without an image, such as {empty[0]}")
    if loose:
        notes.append(f"{folder}: {len(loose)} images outside of class folders, such as {loose[0]}, not evaluated")
    if below:
        notes.append(f"{folder}: {len(below)} folders inside class folders, such as {below[0]}, not evaluated")
    notes += left_out(folder, other)
    images.sort()
    names = [name for _, name in images]
    read, signature = whole_files(folder, names)
    kind = "names of dataset.class_names" if by_name else "numbers" if folders[0].isdigit() else "WordNet ids"
    return Pictures(
        "class_folders", names, read, signature, [label for label, _ in images], f"folders ({kind})", notes=tuple(notes)
    )


def _folders(folder: Path) -> list[str]:
    return sorted(name for name, is_folder in _entries(folder) if is_folder and not is_hidden(name))


def _content(folder: Path) -> tuple[list[str], list[str], list[str]]:
    """Return the images in a folder, what else is there, and the folders in it; each sorted."""
    entries = sorted(_entries(folder))
    files = [name for name, is_folder in entries if not is_folder]
    images = sorted([*filter(is_image_name, files), *unmarked_images(folder, files)])
    folders = [name for name, is_folder in entries if is_folder and not is_hidden(name)]
    known = {*images, *folders}
    return images, [name for name, _ in entries if name not in known], folders


def _entries(folder: Path) -> list[tuple[str, bool]]:
    """Return (name, whether it is a folder) of each entry of a folder."""
    try:
        return entries_of(folder)
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be read: {error.strerror}") from None


def plain_class(name: str) -> int | None:
    """Return the class of a folder that is called as a WordNet id or a number, None for other names.

    Words may stand behind the id, as in `n02085620-Chihuahua`; behind a number they could count from anything.
    """
    found = _WNID.match(name)
    if found and found[1] in class_of_wnid():
        return class_of_wnid()[found[1]]
    return int(name) if name.isascii() and name.isdigit() and len(name) < 10 else None


def _class(name: str, by_name: ByName, folder: Path) -> int:
    if name in by_name:
        return class_of(name, by_name, f"{folder}: the folder {name}")
    if not by_name and (label := plain_class(name)) is not None:
        return label
    known = "not in dataset.class_names" if by_name else "neither a WordNet id of ILSVRC2012 nor a number"
    raise DatasetError(
        f"{folder}: the folder {name} is {known}; set dataset.class_names "
        "(with `harness init`: --class-names) to a file with one class name per line, in the network's order"
    )
