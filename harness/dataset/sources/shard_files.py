"""Which files of a folder are the shards of the validation set, and whether all of them are there."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.dataset.sources.suffixes import is_clutter, left_out
from harness.errors import DatasetError

_OF = re.compile(r"-([0-9]{5})-of-([0-9]{5})(?![0-9])")
_VALIDATION = re.compile(r"(^|[^a-z])val(id(ation)?)?([^a-z]|$)", re.IGNORECASE)
_OTHER = re.compile(r"(^|[^a-z])(train(ing)?|test)([^a-z]|$)", re.IGNORECASE)


def shard_files(path: Path, fits: Callable[[str], bool]) -> tuple[list[Path], tuple[str, ...]]:
    """Return the shards at ``path``, a file or a folder of them, sorted by name, and notes.

    Where a folder has shards of several splits, those of the validation set are taken. Raises DatasetError where there
    is none.
    """
    if path.is_file():
        return [path], ()
    try:
        every = os.listdir(path)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from None
    names = sorted(name for name in every if not name.startswith(".") and fits(name))
    chosen = [name for name in names if not _OTHER.search(name)]
    if any(_VALIDATION.search(name) for name in chosen):
        chosen = [name for name in chosen if _VALIDATION.search(name)]
    if not chosen:
        what = f"only shards of other splits, such as {names[0]}" if names else "no shard"
        raise DatasetError(f"{path}: {what}; set dataset.path to the shards of the validation set")
    notes = (
        [f"{path}: {len(names) - len(chosen)} shards of other splits are left out"] if len(names) > len(chosen) else []
    )
    notes += _missing(path, chosen)
    notes += left_out(path, [name for name in every if is_clutter(name)])
    return [path / name for name in chosen], tuple(notes)


def _missing(path: Path, names: Sequence[str]) -> list[str]:
    numbers: dict[str, set[int]] = {}
    for name in names:
        found = _OF.search(name)
        if found:
            numbers.setdefault(name[: found.start()] + "|" + found[2], set()).add(int(found[1]))
    return [
        f"{path}: {int(total) - len(there)} of the {int(total)} shards {stem}-...-of-{total} are not there"
        for (stem, _, total), there in ((key.rpartition("|"), value) for key, value in numbers.items())
        if len(there) < int(total)
    ]
