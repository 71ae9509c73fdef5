"""Processors that a process claims for itself among those of the machine, until it ends.

Frameworks bind their threads to the first processors that they see, so that two processes without this would share one
and leave another idle.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Collection
from pathlib import Path

from filelock import FileLock, Timeout

from harness.disk.private import foreign, make_private

_held: list[FileLock] = []


def claim_cores(count: int) -> tuple[int, ...]:
    """Claim so many processors and let this process use no other; return them, or none if that is not possible.

    All its threads are bound, since an affinity is a thread's own: a framework that another thread loads later would
    else see all processors, and bind its threads to the first one in every such process.
    """
    try:
        allowed = sorted(os.sched_getaffinity(0))
        folder = Path(tempfile.gettempdir()) / f"conversion-accuracy-harness-cores-{os.getuid()}"
        make_private(folder)
    except (AttributeError, OSError):
        return ()
    if foreign(folder) or count >= len(allowed):
        return ()
    claimed: dict[int, FileLock] = {}
    for core in allowed:
        lock = FileLock(folder / f"{core}.lock", timeout=0)
        try:
            lock.acquire()
        except (Timeout, OSError, NotImplementedError):
            continue
        claimed[core] = lock
        if len(claimed) == count:
            break
    try:
        if len(claimed) == count:
            _bind(claimed)
            _held.extend(claimed.values())
            return tuple(claimed)
    except OSError:
        pass
    for lock in claimed.values():
        lock.release()
    return ()


def _bind(cores: Collection[int]) -> None:
    """Bind every thread of this process; one that is started meanwhile inherits the affinity of its parent thread."""
    os.sched_setaffinity(0, cores)
    bound: set[str] = set()
    with contextlib.suppress(FileNotFoundError):  # no /proc
        while unbound := set(os.listdir("/proc/self/task")) - bound:
            for thread in unbound:
                with contextlib.suppress(ProcessLookupError):  # it has ended
                    os.sched_setaffinity(int(thread), cores)
            bound |= unbound
