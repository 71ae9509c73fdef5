"""Compiled models that OpenVINO keeps in a folder: trusted only with the digest that was taken when they were made.

OpenVINO checks neither who wrote a blob nor whether it is whole: one damaged or foreign blob gives wrong predictions
under the right model's name. So the folder has a list of digests, and a blob that is not in it is removed before
OpenVINO looks there.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from harness.disk.atomic import write_atomically
from harness.disk.lock import try_lock
from harness.disk.own_json import read_own_json
from harness.disk.private import exposed, foreign, make_private
from harness.errors import HarnessError
from harness.machine.digests import file_sha256

LIST = "blobs.json"
_LOCK = ".lock"
_OURS = (LIST, _LOCK)
_PATIENCE = 120.0  # seconds that another process may compile the same model; then it is compiled without the cache


@contextlib.contextmanager
def checked(folder: Path | None, warn: Callable[[str], None] | None = None) -> Iterator[str | None]:
    """Yield the folder in which OpenVINO may keep compiled models; None if it may not keep any.

    Untrusted files in it are removed first; new ones are listed afterwards. It may not where there is no folder,
    another user owns it, others may write there, or it cannot be written. One process compiles at a time; where the
    folder cannot be locked, or another process holds it too long, ``warn`` gets the reason.
    """
    if folder is None or not _made(folder):
        yield None
        return
    with try_lock(folder / _LOCK, _PATIENCE) as fault:
        if fault and warn:
            warn(f"the cache of compiled models is not used: {fault}")
        sound = fault is None and _cleaned(folder)
        yield str(folder) if sound else None
        if sound:
            _keep_digests(folder)


def _made(folder: Path) -> bool:
    try:
        make_private(folder)
    except OSError:
        return False
    cache = folder.parent.parent
    return not (foreign(folder) or foreign(folder.parent) or exposed(cache)) and os.access(folder, os.W_OK)


def _cleaned(folder: Path) -> bool:
    known = _known(folder)
    try:
        for path in folder.iterdir():
            if path.name not in _OURS and not _is_sound(path, known):
                path.unlink()
    except OSError:
        return False
    return True


def _keep_digests(folder: Path) -> None:
    """Write the digests of compiled models into a folder; a file that cannot be listed is compiled again next time.

    OpenVINO writes with the process's umask; only this user's files are trusted.
    """
    with contextlib.suppress(OSError, HarnessError):
        compiled = [path for path in sorted(folder.iterdir()) if path.name not in _OURS]
        for path in compiled:
            path.chmod(0o700 if path.is_dir() else 0o600)
        found = {path.name: file_sha256(path) for path in compiled}
        write_atomically(folder / LIST, json.dumps(found, indent=1).encode(), private=True)


def _known(folder: Path) -> dict[str, Any]:
    return {} if foreign(folder / LIST) else read_own_json(folder / LIST) or {}


def _is_sound(path: Path, known: dict[str, Any]) -> bool:
    if path.name not in known or foreign(path) or not path.is_file():
        return False
    try:
        return bool(file_sha256(path) == known[path.name])
    except HarnessError:
        return False
