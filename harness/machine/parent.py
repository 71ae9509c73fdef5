"""A process that ends when the one that started it is gone, even after SIGKILL, which child processes do not notice."""

from __future__ import annotations

import os
import signal
import threading
import time

from harness.errors import EXIT_INTERRUPTED

VARIABLE = "HARNESS_PARENT_PROCESS"  # the number of the process that a new one ends with
_LOOK = 0.5  # seconds
_PATIENCE = 20  # seconds to end in order


def with_parent(variables: dict[str, str]) -> dict[str, str]:
    """Return variables for a process of the harness that this one starts itself, and that ends with it."""
    return {**variables, VARIABLE: str(os.getpid())}


def end_with_parent() -> None:
    """End this process with its parent, if the parent's environment variables request it. Without effect on Windows."""
    asked = os.environ.pop(VARIABLE, "")  # not for what this process starts
    if asked.isascii() and asked.isdigit():
        end_with(int(asked))


def end_with(parent: int) -> None:
    """End this process with the one that started it, which has this number. Without effect on Windows."""
    if os.name == "posix":
        threading.Thread(target=_wait, args=(parent,), daemon=True, name="parent").start()


def _wait(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_PATIENCE)  # its handler may have children and files to clean up
    os._exit(EXIT_INTERRUPTED)
