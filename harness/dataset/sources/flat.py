"""A folder of image files: forms `flat`, `list`, `devkit` and `kaggle`, which differ in where the labels come from."""

from __future__ import annotations

import os
from pathlib import Path

from harness.dataset.sources.pictures import Pictures, is_image_name, whole_files
from harness.errors import DatasetError


def open_flat(folder: Path, *, deep: bool = False) -> Pictures:
    """Return the images that lie in ``folder`` (``deep``: and in its sub-folders), sorted by name.

    Raises DatasetError where there is none.
    """
    names, other = _images(folder, "")
    if deep:
        below = [name for name in other if (folder / name).is_dir() and not name.startswith(".")]
        for name in below:
            names += _images(folder / name, f"{name}/")[0]
        other = [name for name in other if name not in below]
    if not names:
        raise DatasetError(f"{folder}: no image in it; set dataset.path to the folder that holds them")
    names.sort()
    notes = (f"{folder}: {len(other)} entries that are no images, such as {min(other)}",) if other else ()
    read, signature = whole_files(folder, names)
    return Pictures("flat", names, read, signature, notes=notes)


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
