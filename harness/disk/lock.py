"""A lock between processes that never blocks forever, and never fails on file systems without locks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout


@contextlib.contextmanager
def try_lock(path: Path, patience: float) -> Iterator[str | None]:
    """Hold the lock file ``path`` inside the block and yield None, or else the reason why it is not held.

    ``patience``: seconds to wait for another process. The file is for this user alone. The block runs in any case:
    without the lock, the caller skips what it guards.
    """
    lock = FileLock(path, timeout=patience, mode=0o600)
    fault = None
    try:
        lock.acquire()
    except Timeout:
        fault = f"another process held {path} for {patience:g} s"
    except NotImplementedError:
        fault = f"the file system of {path.parent} does not support locks"
    except OSError as error:  # some network file systems know the call and refuse it
        fault = f"{path} cannot be locked ({error.strerror or error})"
    try:
        yield fault
    finally:
        if fault is None:
            with contextlib.suppress(OSError):
                lock.release()


@contextlib.contextmanager
def in_use(path: Path) -> Iterator[None]:
    """Hold a file as one that is used, beside other processes; without an effect where there are no such locks."""
    descriptor = _flocked(path, exclusive=False)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def is_in_use(path: Path) -> bool:
    """Return whether this or another process holds a file by ``in_use``; False if that cannot be known."""
    try:
        descriptor = _flocked(path, exclusive=True)
    except BlockingIOError:
        return True
    if descriptor is not None:
        os.close(descriptor)
    return False


def _flocked(path: Path, *, exclusive: bool) -> int | None:
    """Return the descriptor that holds the lock; None if it cannot be had. Raises BlockingIOError."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    descriptor = None
    try:
        descriptor = os.open(path, os.O_RDONLY)
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        if descriptor is not None:
            os.close(descriptor)
        raise
    except OSError:
        if descriptor is not None:
            os.close(descriptor)
        return None
    return descriptor
