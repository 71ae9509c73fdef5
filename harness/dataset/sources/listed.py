"""A folder of images with a list that names them, in sub-folders or not: the list's order counts."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from harness.dataset.labels.table import LabelTable, matched, spelled, with_names, without_clutter
from harness.dataset.sources.folder_entries import entries_of
from harness.dataset.sources.pictures import Pictures, whole_files
from harness.dataset.sources.suffixes import is_clutter, is_hidden, is_image_name, left_out
from harness.dataset.sources.unmarked import unmarked_images
from harness.errors import DatasetError, nearest

_SUFFIXES = (".txt", ".csv", ".tsv", ".lst")
_TINY_IMAGENET = "val_annotations.txt"
_FIRST_LINE = 1 << 13  # bytes in which the columns are named
_DEEPEST = 8  # folders below the images' folder


def list_places(folder: Path) -> list[Path]:
    """Return where a list is looked for: next to the folder under its name, in it, or next to it."""
    beside = [folder.parent / f"{folder.name}{suffix}" for suffix in _SUFFIXES]
    inside = [folder / f"{name}{suffix}" for name in ("val", "labels") for suffix in _SUFFIXES]
    return list(
        dict.fromkeys(
            [*beside, *inside, folder / _TINY_IMAGENET, folder.parent / "val.txt", folder.parent / _TINY_IMAGENET]
        )
    )


def find_list(folder: Path) -> Path | None:
    """Return the list that belongs to a folder of images, or None."""
    found = next((path for path in list_places(folder) if path.is_file()), None)
    return found or next((path for path in _metadata(folder) if _is_labelled(path)), None)


def find_list_beside(archive: Path) -> Path | None:
    """Return the list that belongs to an archive of images: beside it under its name, or `val.txt`; or None."""
    places = [*(archive.with_suffix(suffix) for suffix in _SUFFIXES), archive.parent / "val.txt"]
    return next((path for path in places if path.is_file()), None)


def _metadata(folder: Path) -> list[Path]:
    return [folder / name for name in ("metadata.csv", "metadata.jsonl")]


def _is_labelled(path: Path) -> bool:
    """Return whether a file of Hugging Face's `imagefolder` names files and classes; others have captions."""
    try:
        with path.open("rb") as stream:
            first = stream.readline(_FIRST_LINE)
    except OSError:
        return False
    return all(re.search(rf"\b{word}\b".encode(), first) for word in ("file_name", "label"))


def open_listed(folder: Path, table: LabelTable, *, may_miss: bool = False) -> tuple[Pictures, LabelTable]:
    """Return the images that ``table`` names, in its order, and the table with their names.

    Raises DatasetError, with the near-miss, if one is missing; if they ``may_miss``, only if all are.
    """
    table, missing = resolve(folder, table)
    if missing and not (may_miss and len(missing) < len(table.names)):
        raise DatasetError(_missing_message(table.source, folder, missing))
    names = list(table.names)
    read, signature = whole_files(folder, names)
    return Pictures("list", names, read, signature, notes=_beside(folder, table)), table


def resolve(folder: Path, table: LabelTable) -> tuple[LabelTable, list[str]]:
    """Give a table the names of the files below ``folder`` that its names fit; and return the names that fit none.

    Nothing else is looked for where every name is that of a file. Raises DatasetError if a name fits two files.
    """
    table = without_clutter(table)
    found: dict[str, frozenset[str]] = {}
    missing = []
    for name in table.names:
        below, _, last = name.rpartition("/")
        if below not in found:
            found[below] = frozenset() if name.startswith("/") else _files(folder / below)
        if last not in found[below]:
            missing.append(name)
    if not missing and not table.by_order:
        return table, []
    images = sorted(_below(folder, ""))
    table = with_names(images, table, place=str(folder))
    absent = set(missing)
    there = list(dict.fromkeys([*images, *(name for name in table.names if name not in absent)]))
    rows = matched(there, table, place=str(folder))
    names = [name if row is None else there[row] for name, row in zip(table.names, rows, strict=True)]
    other = [(name, file) for name, file in zip(table.names, names, strict=True) if name != file]
    notes = (*table.notes, spelled(table.source, other)) if other else table.notes
    missing = [name for name, row in zip(names, rows, strict=True) if row is None]
    return replace(table, names=names, notes=notes), missing


def _below(folder: Path, before: str, depth: int = 0) -> list[str]:
    """Return the images in a folder and those below it."""
    names = []
    try:
        for name, is_folder in entries_of(folder):
            if not is_folder:
                is_image = is_image_name(name) or any(unmarked_images(folder, [name]))
                names += [before + name] if is_image else []
            elif depth < _DEEPEST and not is_hidden(name):
                names += _below(folder / name, f"{before}{name}/", depth + 1)
    except OSError:
        return names
    return names


def _beside(folder: Path, table: LabelTable) -> tuple[str, ...]:
    """Return notes on unlisted files next to the listed images."""
    listed = set(table.names)
    found = {name.rpartition("/")[0] for name in table.names}
    there = [f"{below}/{file}" if below else file for below in found for file in _files(folder / below, folders=True)]
    rest = [name for name in there if name not in listed]
    other = sorted([*filter(is_image_name, rest), *unmarked_images(folder, rest)])
    clutter = [name for name in there if is_clutter(name) and name not in listed]
    notes = (*_folders_beside(folder, table), *left_out(folder, clutter))
    if other:
        without = f"{len(other)} images without a label in {table.source}, such as {other[0]}, not evaluated"
        notes = (f"{folder}: {without}", *notes)
    return notes


def _folders_beside(folder: Path, table: LabelTable) -> tuple[str, ...]:
    """Return the note on folders with images of which the list names none."""
    used = {name.partition("/")[0] for name in table.names if "/" in name}
    below = sorted(_files(folder, folders=True) - _files(folder) - used)
    other = [name for name in below if not is_hidden(name) and _has_images(folder / name)]
    if not other:
        return ()
    what = f"folders with images that {table.source} does not name, such as {other[0]}, not evaluated"
    return (f"{folder}: {len(other)} {what}",)


def _has_images(folder: Path) -> bool:
    files = _files(folder)
    return any(map(is_image_name, files)) or any(unmarked_images(folder, files))


def _files(folder: Path, *, folders: bool = False) -> frozenset[str]:
    """Return the entries of a folder, by one listing instead of one look-up per image."""
    try:
        return frozenset(name for name, is_folder in entries_of(folder) if folders or not is_folder)
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
        f"{shown}{near}. Set dataset.path to the folder that contains them, or fix the list"
    )
