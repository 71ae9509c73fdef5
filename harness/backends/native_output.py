"""Suppresses useless output of native code, which bypasses Python."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence

# Models load in threads, and stderr is one: if two held it back at once, the second would put back the first's file.
_one_at_a_time = threading.RLock()


@contextlib.contextmanager
def without_lines(words: Sequence[bytes]) -> Iterator[None]:
    """Intercept what native code prints to stderr inside the block, and pass on the lines without any of ``words``.

    Only one thread does that at a time; others wait.
    """
    with _one_at_a_time, _held_back(words):
        yield


@contextlib.contextmanager
def _held_back(words: Sequence[bytes]) -> Iterator[None]:
    sys.stderr.flush()
    try:
        place = tempfile.TemporaryFile()  # noqa: SIM115  # closed below
        kept = os.dup(2)
    except OSError:  # no stderr at all, or no folder for temporary files
        yield
        return
    with place as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held:
                if not any(word in line for word in words):
                    os.write(2, line)
