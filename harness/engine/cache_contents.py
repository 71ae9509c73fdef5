"""What a cache folder holds, part by part, and trimming all of it to its limits."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.dataset.remote.mirror import RemoteCache, empty
from harness.engine.cache import trim

# Each part: what it is, the pattern of its folders below the cache's folder, and the limit that it counts for.
_PARTS = (
    ("probabilities", "probabilities", "max_gb"),
    ("compiled models", "compiled", "max_gb"),
    ("models from the driver of a cluster", "models", "max_gb"),
    ("image sets from URLs", "remote/*/tree", "remote_gb"),
    ("models from URLs", "remote/*/whole", "remote_gb"),
)


@dataclass(frozen=True)
class CachePart:
    """One kind of thing in a cache. ``limit``: the key of `cache` in a configuration that limits it, with others."""

    name: str
    limit: str
    files: int
    bytes: int


def contents(folder: Path) -> list[CachePart]:
    """Return the content of a cache folder; files without content (images that were not read yet) do not count."""
    return [_part(name, limit, folder.glob(pattern)) for name, pattern, limit in _PARTS]


def trim_all(folder: Path, max_bytes: int, remote_bytes: int) -> list[CachePart]:
    """Remove the least recently used entries beyond each limit, except those in use; return what is left."""
    trim(folder, max_bytes)
    empty(RemoteCache(folder, remote_bytes), remote_bytes)
    return contents(folder)


def _part(name: str, limit: str, folders: Iterable[Path]) -> CachePart:
    sizes = [size for folder in folders for size in _sizes(folder)]
    return CachePart(name, limit, len(sizes), sum(sizes))


def _sizes(folder: Path) -> Iterator[int]:
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                status = os.lstat(os.path.join(place, name))
            except OSError:  # gone meanwhile
                continue
            if stat.S_ISREG(status.st_mode) and status.st_size and not name.endswith(".lock"):
                yield status.st_size
