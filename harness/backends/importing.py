"""One import of a framework at a time.

Models load in threads of their own, and two of them may need the same framework. If its import fails, CPython gives the
thread that waited for it the half-made module instead of the error (seen with 3.11). It may also fail where two threads
import large packages at once.
"""

from __future__ import annotations

import errno
import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from harness.errors import HarnessError, lacks_memory, lacks_temporary_folder
from harness.machine.garbage import import_without_collections

# What an import raises: of a package that is absent or unfit, or of a library next to it that the system does not load.
IMPORT_FAILS = (ImportError, OSError)

_LIMITS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT)

P = ParamSpec("P")
T = TypeVar("T")

_ONE = threading.RLock()  # one importer may call another


def one_at_a_time(importer: Callable[P, T]) -> Callable[P, T]:
    """Let one thread at a time import a framework: each gets the module, or the error that its own import raised.

    Once `importer` has returned, later calls do not wait.
    """
    imported = threading.Event()

    @functools.wraps(importer)
    def alone(*args: P.args, **kwargs: P.kwargs) -> T:
        if imported.is_set():
            return importer(*args, **kwargs)
        with _ONE, import_without_collections():
            try:
                module = importer(*args, **kwargs)
            except HarnessError as error:
                if refused := _refused_by_the_system(error.__context__):
                    raise refused from None
                raise
            imported.set()
            return module

    return alone


def _refused_by_the_system(error: BaseException | None) -> BaseException | None:
    """Return what an import raised if no installation would help: too little memory, no file or temporary folder."""
    if lacks_memory(error):
        return MemoryError()
    limited = isinstance(error, OSError) and error.errno in _LIMITS
    return error if limited or lacks_temporary_folder(error) else None
