"""A folder of image files: forms `flat`, `list`, `devkit` and `kaggle`, which differ in where the labels come from."""

from __future__ import annotations

import os
from pathlib import Path

from harness.dataset.sources.pictures import Pictures, whole_files
from harness.dataset.sources.suffixes import is_hidden, is_image_name, left_out
from harness.errors import DatasetError


def open_flat(folder: Path, *, deep: bool = False) -> Pictures:
    """Return the images that lie in ``folder`` (``deep``: and in its sub-folders), sorted by name.

    Raises DatasetError where there is none.
    """
    names, other = _images(folder, "")
    if deep:
        below = [name for name in other if (folder / name).is_dir() and not is_hidden(name)]
        for name in below:
            more, beside = _images(folder / name, f"{name}/")
            names += more
            other += beside
        other = [name for name in other if name not in below]
    if not names:
        raise DatasetError(f"{folder}: no image in it; set dataset.path to the folder that contains them")
    names.sort()
    read, signature = whole_files(folder, names)
    return Pictures("flat", names, read, signature, notes=left_out(folder, other))


def _images(folder: Path, before: str) -> tuple[list[str], list[str]]:
    names: list[str] = []
    other: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                is_image = is_image_name(entry.name) and not entry.is_dir()
                (names if is_image else other).append(before + entry.name)
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be read as a folder of images: {error.strerror}") from None
    return names, other
