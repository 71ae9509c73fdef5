"""What native code prints past Python: held back where it only gets in the way."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence


@contextlib.contextmanager
def without_lines(words: Sequence[bytes]) -> Iterator[None]:
    """Hold back what native code prints to stderr meanwhile, and pass on all lines without any of ``words``."""
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
