"""Folders for work in progress, and those that a killed process left behind."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from harness.disk.flock import InUseError, lock_descriptor

_STARTED = time.time()
_in_use: set[Path] = set()
_OLD = 24 * 3600  # seconds; another machine may share the folder, and its processes cannot be asked


@contextlib.contextmanager
def work_folder(parent: Path, kind: str) -> Iterator[Path]:
    """Make a folder ``.<kind>-<process>-...`` in ``parent`` and remove it afterwards, with those that were left there.

    Raises OSError if it cannot be made.
    """
    parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(parent, kind)
    folder, lock = _locked_folder(parent, kind)
    _in_use.add(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _in_use.discard(folder)
        if lock is not None:
            os.close(lock)


def remove_work_folders() -> None:
    """Remove all work folders of this process, which is about to end although they are in use."""
    for folder in tuple(_in_use):
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def temporary_folder(kind: str) -> Iterator[Path]:
    """Make a work folder in the system's folder for temporary files. Raises OSError as ``work_folder``."""
    with work_folder(Path(tempfile.gettempdir()), kind) as folder:
        yield folder


@contextlib.contextmanager
def other_programs_temporary(kind: str) -> Iterator[None]:
    """Have libraries make their temporary files in a work folder meanwhile, so that nothing stays of a killed process.

    Where no work folder can be made, they are made where they would be. Not for several threads at once.
    """
    before, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            place = str(stack.enter_context(temporary_folder(kind)))
            tempfile.tempdir = os.environ["TMPDIR"] = place
        try:
            yield
        finally:
            tempfile.tempdir = before
            os.environ.pop("TMPDIR", None)
            if variable is not None:
                os.environ["TMPDIR"] = variable


def kept_folder(name: str) -> Path:
    """Make a folder that stays, readable by this user only, among the system's temporary files. Raises OSError."""
    return Path(tempfile.mkdtemp(prefix=f"{name}-"))


def remove_leftovers(parent: Path, kind: str) -> None:
    """Remove the work folders of processes that are no more, and those that are older than a day and in no use."""
    own = re.compile(rf"\.{re.escape(kind)}-(?:(\d+)-)?[a-z0-9_]{{8}}")
    with contextlib.suppress(OSError):
        for path in parent.iterdir():
            match = own.fullmatch(path.name)
            if match and path.is_dir() and not path.is_symlink() and _is_left(path, match[1]):
                shutil.rmtree(path, ignore_errors=True)


def _locked_folder(parent: Path, kind: str) -> tuple[Path, int | None]:
    """Make a folder and lock it, which the system undoes when the process ends; None if it cannot be locked."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f".{kind}-{os.getpid()}-", dir=parent))
        with contextlib.suppress(InUseError):
            lock = _lock(folder)
            if folder.is_dir():
                return folder, lock
            if lock is not None:
                os.close(lock)
        # Between the two, another process took it for a leftover.


def _lock(folder: Path) -> int | None:
    """Return the descriptor that holds the lock of a folder; None if folders cannot be locked here.

    Raises InUseError if another process holds it.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return None
    try:
        return lock_descriptor(descriptor)
    finally:
        os.close(descriptor)


def _is_left(path: Path, process: str | None) -> bool:
    if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
        return False
    try:
        lock = _lock(path)
    except InUseError:  # of a process that may be in another container, where its number says nothing
        return False
    if lock is not None:
        os.close(lock)
    made = path.stat().st_mtime
    if time.time() - made > _OLD:
        return True
    if process is None:
        return False
    if int(process) == os.getpid():  # containers number their processes alike
        return lock is not None and made < _STARTED
    return not may_live(process)


def may_live(process: str) -> bool:
    """Return whether a process of this number lives, or whether that cannot be known."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError, ValueError):
        return True
    return True


def remove_temporary_files(parent: Path) -> None:
    """Remove files called as Python's ``tempfile`` calls them that are empty or older than a day."""
    own = re.compile(r"tmp[a-z0-9_]{8}")
    with contextlib.suppress(OSError):
        for path in parent.iterdir():
            if own.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                status = path.stat()
                if status.st_size == 0 or time.time() - status.st_mtime > _OLD:
                    path.unlink()
