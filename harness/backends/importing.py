"""One import of a framework at a time.

Models load in threads of their own, and two of them may need the same framework. Where its import fails, CPython gives
the thread that waited for it the half-made module instead of the error (seen with 3.11).
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

# What an import raises: of a package that is absent or unfit, or of a library next to it that the system does not load.
IMPORT_FAILS = (ImportError, OSError)

P = ParamSpec("P")
T = TypeVar("T")


def one_at_a_time(importer: Callable[P, T]) -> Callable[P, T]:
    """Let one thread after the other into `importer`: each gets the module, or the error that its own import raised."""
    lock = threading.RLock()

    @functools.wraps(importer)
    def alone(*args: P.args, **kwargs: P.kwargs) -> T:
        with lock:
            return importer(*args, **kwargs)

    return alone
