"""A folder of image files: forms `flat`, `list`, `devkit` and `kaggle`, which differ in where the labels come from."""

from __future__ import annotations

from pathlib import Path

from harness.dataset.sources.folder_entries import entries_of
from harness.dataset.sources.pictures import Pictures, whole_files
from harness.dataset.sources.suffixes import is_hidden, is_image_name, left_out
from harness.dataset.sources.unmarked import unmarked_images
from harness.errors import DatasetError


def open_flat(folder: Path, *, deep: bool = False) -> Pictures:
    """Return the images that are in ``folder`` (``deep``: and in its sub-folders), sorted by name.

    Raises DatasetError if there is none.
    """
    names, below, other = _content(folder, "")
    notes: tuple[str, ...] = ()
    if deep:
        for name in below:
            more, deeper, beside = _content(folder / name, f"{name}/")
            names += more
            other += [*beside, *deeper]
    elif below:
        notes = (f"{folder}: {len(below)} subfolders, such as {min(below)}, not evaluated",)
    if not names:
        raise DatasetError(f"{folder}: contains no image; set dataset.path to the folder with the images")
    names.sort()
    read, signature = whole_files(folder, names)
    return Pictures("flat", names, read, signature, notes=(*notes, *left_out(folder, other)))


def _content(folder: Path, before: str) -> tuple[list[str], list[str], list[str]]:
    """Return the images in a folder, the folders in it, and what else is there."""
    try:
        every = entries_of(folder)
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be read as a folder of images: {error.strerror}") from None
    folders = [name for name, is_folder in every if is_folder and not is_hidden(name)]
    files = [name for name, is_folder in every if not is_folder]
    images = [*filter(is_image_name, files), *unmarked_images(folder, files)]
    known = {*images, *folders}
    other = [name for name, _ in every if name not in known]
    return [before + name for name in images], [before + name for name in folders], [before + name for name in other]
