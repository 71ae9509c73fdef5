"""Which files of a store without a suffix are images: their first bytes are read, once per version."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path

from harness.dataset.header import begins_as_image
from harness.dataset.remote.store import Entry, Store
from harness.dataset.sources.suffixes import has_no_suffix
from harness.disk.atomic import write_atomically
from harness.disk.own_json import read_own_json

UNLISTED = "unlisted"  # the token of a file that a list names, on a server that lists no folders
START = 16  # bytes that tell an image


def images_of(store: Store, entries: Mapping[str, Entry], known: Collection[str], index: Path) -> set[str]:
    """Return the names of the files without a suffix that are images.

    ``known``: those that a list of images names, which are taken for images without a look, as files that only a list
    names are; ``index``: where the answers are kept. Raises DatasetError if a file's first bytes cannot be had, and
    RecordError if the answers cannot be written.
    """
    names = [name for name in entries if has_no_suffix(name)]
    if not names:
        return set()
    before = _read(index)
    found = {name for name in names if name in known or entries[name].token == UNLISTED}
    answers = {name: before[name] for name in names if before.get(name, ("", False))[0] == entries[name].token}
    asked = [name for name in names if name not in found and name not in answers and entries[name].size != 0]
    if asked:
        starts = store.beginnings([entries[name] for name in asked], START)
        answers |= {
            name: (entries[name].token, begins_as_image(start)) for name, start in zip(asked, starts, strict=True)
        }
        write_atomically(index, json.dumps(answers).encode(), private=True)
    return found | {name for name, (_, is_image) in answers.items() if is_image}


def is_image_on_disk(path: str | os.PathLike[str]) -> bool:
    """Return whether a file on disk without a suffix begins as an image; False if it is empty or cannot be read."""
    if not has_no_suffix(os.path.basename(path)):
        return False
    with contextlib.suppress(OSError), open(path, "rb") as stream:
        return begins_as_image(stream.read(START))
    return False


def _read(index: Path) -> dict[str, tuple[str, bool]]:
    return {
        name: (answer[0], answer[1])
        for name, answer in (read_own_json(index) or {}).items()
        if isinstance(answer, list) and list(map(type, answer)) == [str, bool]
    }
