"""The lock that the system lets go when a process ends: ``flock`` on an open file or folder."""

from __future__ import annotations

import os


class InUseError(Exception):
    """Another process, or another place of this one, holds the lock."""


def lock_descriptor(descriptor: int) -> int | None:
    """Lock what is open at a descriptor; return another descriptor that holds the lock until both are closed.

    None if there are no such locks: on Windows, and on some network file systems. Raises InUseError.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.dup(descriptor)
    except BlockingIOError:
        raise InUseError from None
    except OSError:
        return None
