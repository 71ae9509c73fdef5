"""Folders of a cache that stay or go as a whole: a model with its files. One that a process uses is not removed."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from harness.disk.lock import in_use, is_in_use

_held: dict[Path, ExitStack] = {}


@dataclass(frozen=True)
class KeptFolder:
    """A folder. ``used_ns``: when it was used last; ``bytes``: of all files in it."""

    path: Path
    used_ns: int
    bytes: int
    files: int

    def remove(self) -> bool:
        """Remove it, and return whether that was done; not where a process uses it."""
        if is_in_use(self.path):
            return False
        shutil.rmtree(self.path, ignore_errors=True)
        return not self.path.exists()


def hold(folder: Path) -> None:
    """Use a folder until this process ends."""
    with contextlib.suppress(OSError):
        os.utime(folder)
    if folder not in _held:
        _held[folder] = ExitStack()
        _held[folder].enter_context(in_use(folder))


def release_all() -> None:
    """Release all folders."""
    while _held:
        _held.popitem()[1].close()


def kept_folder(path: Path) -> KeptFolder | None:
    """Return what is known of a folder; None if it is none."""
    try:
        status = path.lstat()
    except OSError:
        return None
    if not stat.S_ISDIR(status.st_mode):
        return None
    sizes = []
    for place, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                sizes.append(os.lstat(os.path.join(place, name)).st_size)
    return KeptFolder(path, status.st_mtime_ns, sum(sizes), len(sizes))
