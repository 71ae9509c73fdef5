"""A lock between processes that never keeps anybody waiting for ever, and never fails where there are no locks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout


@contextlib.contextmanager
def try_lock(path: Path, patience: float) -> Iterator[str | None]:
    """Hold the lock file ``path`` inside the block and give None; give the reason instead where it cannot be had.

    ``patience``: seconds to wait for another process. The file is for this user alone. Whatever the reason, the block
    runs: without a lock, the caller does without what it guards.
    """
    lock = FileLock(path, timeout=patience, mode=0o600)
    fault = None
    try:
        lock.acquire()
    except Timeout:
        fault = f"another process held {path} for {patience:g} s"
    except NotImplementedError:
        fault = f"the file system of {path.parent} knows no locks"
    except OSError as error:  # some network file systems know the call and refuse it
        fault = f"{path} cannot be locked ({error.strerror or error})"
    try:
        yield fault
    finally:
        if fault is None:
            with contextlib.suppress(OSError):
                lock.release()
