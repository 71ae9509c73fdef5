"""A folder of images with a list that names them, in sub-folders or not: the list's order counts."""

from __future__ import annotations

import os
from pathlib import Path

from harness.dataset.labels.table import LabelTable
from harness.dataset.sources.pictures import Pictures, is_image_name, whole_files
from harness.errors import DatasetError, nearest

_SUFFIXES = (".txt", ".csv", ".tsv")


def list_places(folder: Path) -> list[Path]:
    """Return where a list is looked for: beside the folder under its name, in it, or beside it."""
    beside = [folder.parent / f"{folder.name}{suffix}" for suffix in _SUFFIXES]
    inside = [folder / f"{name}{suffix}" for name in ("val", "labels") for suffix in _SUFFIXES]
    return list(dict.fromkeys([*beside, *inside, folder.parent / "val.txt"]))


def find_list(folder: Path) -> Path | None:
    """Return the list that belongs to a folder of images, or None."""
    return next((path for path in list_places(folder) if path.is_file()), None)


def open_listed(folder: Path, table: LabelTable, *, may_miss: bool = False) -> Pictures:
    """Return the images that ``table`` names, in its order.

    Raises DatasetError where one is not there, with the near-miss; if they ``may_miss``, only where all are not.
    """
    found: dict[str, frozenset[str]] = {}
    missing = []
    for name in table.names:
        below, _, last = name.rpartition("/")
        if below not in found:
            found[below] = _files(folder / below)
        if last not in found[below]:
            missing.append(name)
    if missing and not (may_miss and len(missing) < len(table.names)):
        raise DatasetError(_missing_message(table.source, folder, missing))
    listed = set(table.names)
    there = (f"{below}/{file}" if below else file for below, files in found.items() for file in files)
    other = sorted(name for name in there if is_image_name(name) and name not in listed)
    notes = (
        (f"{folder}: {len(other)} images without a label in {table.source}, such as {other[0]}, not evaluated",)
        if other
        else ()
    )
    names = list(table.names)
    read, signature = whole_files(folder, names)
    return Pictures("list", names, read, signature, notes=notes)


def _files(folder: Path) -> frozenset[str]:
    """Return what lies in a folder, by one listing instead of one look-up an image."""
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if not entry.is_dir())
    except OSError:
        return frozenset()


def _missing_message(source: str, folder: Path, missing: list[str]) -> str:
    shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
    try:
        below, _, last = missing[0].rpartition("/")
        found = os.listdir(folder / below)
        close = [f"{below}/{name}" if below else name for name in nearest(last, found)]
    except OSError:
        close = []
    near = f"; there is {close[0]}" if close else ""
    return (
        f"{source}: names {len(missing)} image{'s' if len(missing) > 1 else ''} that {folder} does not have: "
        f"{shown}{near}. Set dataset.path to the folder that holds them, or mend the list"
    )
