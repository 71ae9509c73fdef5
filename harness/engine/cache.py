"""The probability cache: a model's probabilities for a shard, under everything that can change them.

The key of an entry is a digest of the model's own key (file, input contract, framework version, processor, switches,
preprocessing, decoder) and of the bytes of the shard's images. Entries carry a checksum; a damaged one is recomputed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from harness.backends.base import Loaded, Probabilities
from harness.disk.checked_table import read_table, write_table
from harness.disk.private import foreign, make_private
from harness.errors import RecordError


@dataclass(frozen=True)
class Entry:
    """Cached probabilities, float32 (n, classes), and what the model reported of itself then."""

    probabilities: Probabilities
    loaded: Loaded


class Answers(Protocol):
    """Where a lane looks for a model's probabilities before it loads the model, and where it leaves them."""

    def has_any(self) -> bool:
        """Tell whether there is any entry of this model, sound or not."""
        ...

    def get(self, image_digests: tuple[bytes, ...], outputs: int) -> Entry | None:
        """Return the entry for these images (sha256 of each one's bytes, in order); None where there is none."""
        ...

    def put(self, image_digests: tuple[bytes, ...], probabilities: Probabilities, loaded: Loaded) -> None:
        """Keep probabilities, float32 (n, classes)."""
        ...


class ProbabilityCache:
    """Entries of one model, in a folder of its own below ``folder``.

    ``model_key``: JSON values that fix everything but the images. Folders and entries that another user owns or that
    others may write to are not used.
    """

    def __init__(self, folder: Path, model_key: dict[str, Any]) -> None:
        self._root = folder
        self.folder = folder / hashlib.sha256(json.dumps(model_key, sort_keys=True).encode()).hexdigest()[:40]

    def _path(self, image_digests: tuple[bytes, ...]) -> Path:
        return self.folder / f"{hashlib.sha256(b''.join(image_digests)).hexdigest()}.table"

    def has_any(self) -> bool:
        """Tell whether there is any entry of this model, sound or not."""
        return foreign(self.folder, self._root) is None and next(self.folder.glob("*.table"), None) is not None

    def get(self, image_digests: tuple[bytes, ...], outputs: int) -> Entry | None:
        """Return the entry for these images (sha256 of each one's bytes, in order), or None: absent or damaged."""
        path = self._path(image_digests)
        if foreign(path, self._root):
            return None
        table = read_table(path)
        if table is None or table.num_rows != len(image_digests):
            return None
        try:
            notes = json.loads((table.schema.metadata or {})[b"loaded"])
            if table.schema.field("probabilities").type != pa.list_(pa.float32(), outputs):
                return None
            flat = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in table["probabilities"].chunks]
            probabilities = np.concatenate([np.empty(0, np.float32), *flat]).reshape(len(image_digests), outputs)
            entry = Entry(probabilities, Loaded.from_json(notes))
        except (KeyError, ValueError, TypeError, AttributeError, RecursionError, pa.ArrowException):
            return None
        if not np.isfinite(probabilities).all() or not entry.loaded.is_plausible:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return entry

    def put(self, image_digests: tuple[bytes, ...], probabilities: Probabilities, loaded: Loaded) -> None:
        """Keep probabilities, float32 (n, classes). A cache that cannot be written is not used; the run goes on."""
        rows = pa.FixedSizeListArray.from_arrays(pa.array(probabilities.reshape(-1)), probabilities.shape[1])
        notes = json.dumps(loaded.to_json())
        table = pa.table({"probabilities": rows}).replace_schema_metadata({"loaded": notes})
        path = self._path(image_digests)
        if foreign(path.parent, self._root):  # an entry that others could write to is replaced by one that they cannot
            return
        with contextlib.suppress(OSError, RecordError):
            make_private(path.parent)
            write_table(path, table, private=True)


def touch(folder: Path) -> None:
    """Mark the files of a folder as used now."""
    for path in folder.glob("*"):
        with contextlib.suppress(OSError):
            os.utime(path)


def trim(folder: Path, max_bytes: int) -> int:
    """Delete the least recently used files of a cache until the rest fits ``max_bytes``; return what is left.

    ``folder``: the cache folder; probabilities and compiled models below it count, with what killed writes left there.
    """
    entries = []
    for path in (*folder.glob("probabilities/*/*"), *folder.glob("compiled/*/*")):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                entries.append((status.st_mtime_ns, status.st_size, path))
    left = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries, key=lambda entry: entry[0]):
        if left <= max_bytes:
            break
        with contextlib.suppress(OSError):
            path.unlink()
            left -= size
            path.parent.rmdir()  # only where it is empty
    return left
