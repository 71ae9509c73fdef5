"""The probability cache: a model's probabilities by image, under everything that can change them.

An entry's key is a digest of the model's own key (file, input contract, framework version, processor, switches,
preprocessing, decoder) and the sha256 of the image's encoded bytes, so that an image is found in any order, subset and
form of image set. The images of one ``put`` are in one file; a damaged file is computed again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import stat
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.backends.base import Loaded, Probabilities
from harness.disk.kept_folders import kept_folder
from harness.disk.keyed_rows import KEY_BYTES, MOST_ROWS, KeyedRows, read_keyed_rows, write_keyed_rows
from harness.disk.private import exposed, foreign, make_private
from harness.disk.temporary_files import removed_as_left
from harness.disk.versioned_json import parse_json
from harness.errors import RecordError
from harness.machine.environment import cpu_name

SUFFIX = ".rows"
_SUMMED = 1e-6  # by how much sums of the same numbers may differ, added in another order
_OLD_SUFFIX = ".table"  # entries by shard, of versions before; nothing reads them any more
_OLD_SECONDS = 7 * 24 * 3600  # after which they go, however little room they take: an older version may still use them


@dataclass(frozen=True)
class Entry:
    """What is known of some images: float32 (n, classes), bool (n,), and what the model reported about itself then.

    Rows that are not known are zeros.
    """

    probabilities: Probabilities
    known: NDArray[np.bool_]
    loaded: Loaded


class Answers(Protocol):
    """Where a lane looks for a model's probabilities before it loads the model, and where it leaves them."""

    def has_any(self) -> bool:
        """Return whether there is any entry of this model, sound or not."""
        ...

    def get(self, image_digests: tuple[bytes, ...], outputs: int) -> Entry | None:
        """Return what is known of these images (sha256 of each one's bytes, in order); None if nothing is."""
        ...

    def put(self, image_digests: tuple[bytes, ...], probabilities: Probabilities, loaded: Loaded) -> None:
        """Keep probabilities, float32 (n, classes)."""
        ...


@dataclass
class _Index:
    """Where each image's row is. ``names``: of files that were looked at; ``scanned``: when the folder had changed."""

    files: list[tuple[KeyedRows, Loaded]] = field(default_factory=list)
    places: dict[bytes, int] = field(default_factory=dict)  # number of the file * MOST_ROWS + row
    names: set[str] = field(default_factory=set)
    scanned: int = -1

    def add(self, rows: KeyedRows, loaded: Loaded) -> None:
        first = MOST_ROWS * len(self.files)
        self.files.append((rows, loaded))
        self.places.update(zip(rows.keys, range(first, first + len(rows.keys)), strict=True))

    def drop(self, number: int) -> None:
        """Forget the rows of a file; it is read again once its folder changes."""
        rows, _ = self.files[number]
        self.names.discard(rows.path.name)
        for place, key in enumerate(rows.keys, MOST_ROWS * number):
            if self.places.get(key) == place:
                del self.places[key]


class ProbabilityCache:
    """Entries of one model, in a separate folder below ``folder``; several threads may use it.

    ``model_key``: JSON values that fix everything but the images. Folders and files that another user owns or that
    others may write to are not used.
    """

    def __init__(self, folder: Path, model_key: dict[str, Any]) -> None:
        self._root = folder
        self.folder = folder / hashlib.sha256(json.dumps(model_key, sort_keys=True).encode()).hexdigest()[:40]
        self._index = _Index()
        self._used: set[Path] = set()
        self._lock = threading.Lock()

    def has_any(self) -> bool:
        """Return whether there is any entry of this model, sound or not."""
        return self._fault() is None and next(self.folder.glob(f"*{SUFFIX}"), None) is not None

    def get(self, image_digests: tuple[bytes, ...], outputs: int) -> Entry | None:
        """Return what is known of these images (sha256 of each one's bytes, in order); None if nothing is."""
        with self._lock:
            if self._fault():
                return None
            self._look()
            probabilities = np.zeros((len(image_digests), outputs), np.float32)
            known = np.zeros(len(image_digests), np.bool_)
            loaded = self._index.files[-1][1] if self._index.files and not image_digests else None
            found_at = np.array([self._index.places.get(digest, -1) for digest in image_digests], np.int64)
            numbers, places = np.divmod(found_at, MOST_ROWS)
            for number in dict.fromkeys(numbers.tolist()):
                asked = numbers == number
                found = self._read(number, places[asked].tolist(), outputs) if number >= 0 else None
                if found is not None:
                    loaded = loaded or self._index.files[number][1]
                    known |= asked
                    if asked.all():
                        probabilities = found
                    else:
                        probabilities[asked] = found
            return None if loaded is None else Entry(probabilities, known, loaded)

    def _fault(self) -> str | None:
        return foreign(self.folder, self._root) or exposed(self._root.parent)

    def _read(self, number: int, places: list[int], outputs: int) -> Probabilities | None:
        """Return rows of one file; None if they cannot be used, and a damaged file is removed."""
        rows, _ = self._index.files[number]
        if rows.width != outputs or foreign(rows.path):
            return None
        found = rows.read(places)
        if found is None or not plausible(found, rows.notes):
            self._index.drop(number)
            with contextlib.suppress(OSError):
                rows.path.unlink()
            return None
        if rows.path not in self._used:
            self._used.add(rows.path)
            with contextlib.suppress(OSError):
                os.utime(rows.path)
        return found

    def _look(self) -> None:
        """Take in the files that came since the last look, those of other processes included."""
        index = self._index
        with contextlib.suppress(OSError):
            changed = self.folder.stat().st_mtime_ns
            if changed == index.scanned:
                return
            for name in sorted({path.name for path in self.folder.glob(f"*{SUFFIX}")} - index.names):
                path = self.folder / name
                if foreign(path):
                    changed = -1  # checked again: its mode may be corrected, which does not change the folder
                    continue
                index.names.add(name)
                rows = read_keyed_rows(path)
                loaded = None if rows is None or model_in(rows.notes) != self.folder.name else loaded_in(rows.notes)
                if rows is not None and loaded is not None:
                    index.add(rows, loaded)
            index.scanned = changed

    def put(self, image_digests: tuple[bytes, ...], probabilities: Probabilities, loaded: Loaded) -> None:
        """Keep probabilities, float32 (n, classes). A cache that cannot be written is not used; the run continues."""
        first = {digest: row for row, digest in reversed(list(enumerate(image_digests))) if len(digest) == KEY_BYTES}
        keys = sorted(first, key=first.__getitem__)
        if not keys or self._fault():
            return
        path = self.folder / f"{hashlib.sha256(b''.join(keys)).hexdigest()}{SUFFIX}"
        with self._lock, contextlib.suppress(OSError, RecordError):
            make_private(path.parent)
            kept = probabilities if len(keys) == len(probabilities) else probabilities[[first[key] for key in keys]]
            told = {"model": self.folder.name, "range": _range(kept)}
            notes = {"loaded": loaded.to_json(), "cpu": cpu_name(), **told}
            write_keyed_rows(path, keys, kept, notes)
            self._index.names.discard(path.name)  # it may have replaced a file that could not be used
            self._index.scanned = -1


def _range(rows: Probabilities) -> list[float] | None:
    """Return the smallest and the largest value and the smallest and the largest sum of a row; None of no sound row."""
    sound = rows[np.isfinite(rows).all(axis=1)].astype(np.float64)
    if not sound.size:
        return None
    sums = sound.sum(axis=1)
    return [float(sound.min()), float(sound.max()), float(sums.min()), float(sums.max())]


def plausible(rows: Probabilities, notes: bytes) -> bool:
    """Return whether rows are finite and within the range of values and sums that was noted when they were written.

    Probabilities are within [0, 1] and add up to 1; a model that gives logits has another range.
    """
    if not rows.size:
        return True
    found, noted = _range(rows), _noted_range(notes)
    if found is None or noted is None or not np.isfinite(rows).all():
        return False
    least, most = np.array(found[::2]), np.array(found[1::2])
    return bool((least >= np.array(noted[::2]) - _SUMMED).all() and (most <= np.array(noted[1::2]) + _SUMMED).all())


def model_in(notes: bytes) -> str | None:
    """Return the folder that a file was written to, which stands for its model; None if that is not stated."""
    found = _noted(notes).get("model")
    return found if isinstance(found, str) else None


@lru_cache(maxsize=16)
def _noted(notes: bytes) -> Mapping[str, Any]:
    """Return what is noted in a file, for its several readers; nothing if it cannot be read."""
    try:
        found = parse_json(notes.decode())
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _noted_range(notes: bytes) -> list[float] | None:
    found = _noted(notes).get("range")
    numbers = isinstance(found, list) and len(found) == 4 and all(type(each) is float for each in found)
    return found if numbers else None


def loaded_in(notes: bytes) -> Loaded | None:
    """Return what a model reported about itself, from a file's notes; None if that is not stated.

    A warning says where another processor of the same family computed it.
    """
    try:
        loaded, cpu = Loaded.from_json(_noted(notes)["loaded"]), _noted(notes).get("cpu")
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    if not loaded.is_plausible or not isinstance(cpu, str):
        return None
    if cpu == cpu_name():
        return loaded
    warning = f"cached probabilities were computed on {cpu[:100]}, a processor of the same family as this {cpu_name()}"
    return dataclasses.replace(loaded, warnings=(*loaded.warnings, warning))


def touch(folder: Path) -> None:
    """Mark the files of a folder as used now."""
    for path in folder.glob("*"):
        with contextlib.suppress(OSError):
            os.utime(path)


def trim(folder: Path, max_bytes: int) -> int:
    """Delete the least recently used files of a cache until the rest fits ``max_bytes``; return what is left.

    ``folder``: the cache folder; probabilities, compiled models, and models that were delivered to this node count.
    Leftovers of killed writes are always removed. Delivered models go as a whole, not while a process uses them.
    Entries by shard, which an older version wrote, go before all others, and whenever they were not used for a week.
    """
    entries = []
    for path in (*folder.glob("probabilities/*/*"), *folder.glob("compiled/*/*")):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and not removed_as_left(path):
                is_old = path.suffix == _OLD_SUFFIX
                expired = is_old and time.time() - status.st_mtime > _OLD_SECONDS
                entries.append((not expired, not is_old, status.st_mtime_ns, status.st_size, path))
    models = {found.path: found for found in map(kept_folder, folder.glob("models/*")) if found is not None}
    entries += [(True, True, found.used_ns, found.bytes, found.path) for found in models.values()]
    left = sum(entry[3] for entry in entries)
    for kept, _, _, size, path in sorted(entries):
        if kept and left <= max_bytes:
            break
        if path in models:
            left -= size if models[path].remove() else 0
            continue
        with contextlib.suppress(OSError):
            path.unlink()
            left -= size
            path.parent.rmdir()  # only where it is empty
    return left
