"""Which files of a folder are the shards of the validation set, and whether all of them are there."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from harness.dataset.sources.suffixes import is_clutter, left_out
from harness.errors import DatasetError

_OF = re.compile(r"-([0-9]{5})-of-([0-9]{5})(?![0-9])")
_VALIDATION = re.compile(r"(^|[^a-z])val(id(ation)?)?([^a-z]|$)", re.IGNORECASE)
_UNFINISHED = re.compile(r"(\.(gz|bz2|xz|zst|lz4|zip|part|partial|tmp|incomplete|crdownload|download))+$")
_OTHER = re.compile(r"(^|[^a-z])(train(ing)?|test)([^a-z]|$)", re.IGNORECASE)


def shard_files(path: Path, fits: Callable[[str], bool]) -> tuple[list[Path], tuple[str, ...]]:
    """Return the shards at ``path``, a file or a folder of them, sorted by name, and notes.

    Where a folder has shards of several splits, those of the validation set are taken. Raises DatasetError if there is
    none.
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
        [f"{path}: {len(names) - len(chosen)} shards of other splits are not evaluated"]
        if len(names) > len(chosen)
        else []
    )
    notes += _missing(path, chosen)
    notes += _almost(path, every, fits)
    notes += left_out(path, [name for name in every if is_clutter(name)])
    return [path / name for name in chosen], tuple(notes)


def empty_shards(files: Sequence[Path], used: Collection[int]) -> tuple[str, ...]:
    """Return the note on shards without any image, where others have some; ``used``: the numbers of those."""
    empty = [path for number, path in enumerate(files) if number not in used]
    if not empty or not used:
        return ()
    return (f"{files[0].parent}: {len(empty)} of {len(files)} shards without an image, such as {empty[0].name}",)


def _almost(path: Path, names: Sequence[str], fits: Callable[[str], bool]) -> list[str]:
    """Return the note on files that would be shards if they were unpacked, complete, or called in small letters."""
    found = sorted(
        name
        for name in names
        if not name.startswith(".")
        and not fits(name)
        and fits(_UNFINISHED.sub("", name.lower().replace(".tgz", ".tar.gz")))
    )
    what = "files that look like shards and are not read, such as"
    return [f"{path}: {len(found)} {what} {found[0]}; unpack or rename them"] if found else []


def _missing(path: Path, names: Sequence[str]) -> list[str]:
    numbers: dict[str, set[int]] = {}
    for name in names:
        found = _OF.search(name)
        if found:
            numbers.setdefault(name[: found.start()] + "|" + found[2], set()).add(int(found[1]))
    return [
        f"{path}: {int(total) - len(there)} of the {int(total)} shards {stem}-...-of-{total} are missing"
        for (stem, _, total), there in ((key.rpartition("|"), value) for key, value in numbers.items())
        if len(there) < int(total)
    ]
