"""The file next to a target in which it is written, and those that killed processes left there.

A writer holds a lock (``flock``) on its temporary file until that has become the target; the system lets it go when the
process ends, however that ends. So a temporary file that can be locked is abandoned.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from harness.disk.flock import InUseError, lock_descriptor

_NAME = re.compile(r"\.(?P<target>.+)\.[a-z0-9_]{8}\.tmp", re.DOTALL)  # as ``mkstemp`` calls it below
_OLD = 24 * 3600  # seconds without a write; where files cannot be locked, only this shows that the writer is gone
_FEW = 1000  # entries of a folder that is scanned at every write, instead of only once


@dataclass
class TemporaryFile:
    """A new file beside ``target``, open for writing. ``close`` lets its lock go."""

    path: str
    handle: int
    _lock: int | None

    @classmethod
    def beside(cls, target: Path) -> TemporaryFile:
        """Make one. Raises OSError."""
        while True:
            handle, path = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
            with contextlib.suppress(InUseError):
                lock = lock_descriptor(handle)
                if _is_at(path, handle):
                    return cls(path, handle, lock)
                if lock is not None:
                    os.close(lock)
            os.close(handle)  # between the two, another process took it for a leftover

    def close(self) -> None:
        """Release the lock. The caller closes the stream that it made of ``handle``."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@dataclass
class _Seen:
    """The content of a folder when it was scanned. ``left``: paths by the name of their target."""

    many: bool = False
    left: dict[str, list[str]] = field(default_factory=dict)


_seen: dict[str, _Seen] = {}
_looking = threading.Lock()


def remove_left(target: Path, *, every: bool = False) -> None:
    """Remove the temporary files of ``target`` that no living process writes to, without ever failing.

    ``every``: those of all targets in its folder, for a folder that is the harness's own. A folder of thousands of
    files is scanned once per process.
    """
    folder = str(target.parent)
    with _looking:
        seen = _seen.get(folder)
        if seen is None or not seen.many:
            seen = _seen[folder] = _look(folder)
        paths = [path for name in list(seen.left) if every or name == target.name for path in seen.left.pop(name)]
    for path in paths:
        with contextlib.suppress(OSError, InUseError):
            _remove(path)


def removed_as_left(path: Path) -> bool:
    """Remove a file that is a temporary one which no living process writes to; return whether that was done."""
    if not _NAME.fullmatch(path.name):
        return False
    with contextlib.suppress(OSError, InUseError):
        _remove(str(path))
        return not path.exists()
    return False


def _look(folder: str) -> _Seen:
    seen, count = _Seen(), 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for count, entry in enumerate(entries, 1):  # noqa: B007
            if entry.name.endswith(".tmp") and (match := _NAME.fullmatch(entry.name)):
                seen.left.setdefault(match["target"], []).append(entry.path)
    seen.many = count > _FEW
    return seen


def _remove(path: str) -> None:
    """Remove a file that no process has locked. Raises OSError or InUseError if it is not ours to remove."""
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode) or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
        return
    handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        lock = lock_descriptor(handle)
        if lock is None and time.time() - status.st_mtime <= _OLD:
            return
        try:
            if _is_at(path, handle):  # and has not become the target meanwhile
                os.unlink(path)  # noqa: PTH108
        finally:
            if lock is not None:
                os.close(lock)
    finally:
        os.close(handle)


def _is_at(path: str, handle: int) -> bool:
    with contextlib.suppress(OSError):
        there, have = os.lstat(path), os.fstat(handle)
        return (there.st_dev, there.st_ino) == (have.st_dev, have.st_ino)
    return False
