"""Python's garbage collector while a framework is imported: hundreds of collections find nothing there to free."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

_own_process = False


def begin_own_process() -> None:
    """Say that this process runs nothing but the harness: collections never look at what was imported in it."""
    global _own_process  # noqa: PLW0603  (a fact about the process)
    _own_process = True
    gc.freeze()


@contextlib.contextmanager
def import_without_collections() -> Iterator[None]:
    """Pause the collector for an import inside the block.

    In a process of the harness's own, what was imported is frozen; a program that calls the harness has other objects,
    which must stay collectable. An import that fails freezes nothing.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
        if _own_process:
            gc.freeze()
    finally:
        if collects:
            gc.enable()
