"""LiteRT without its banner, and what its errors say."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from harness.errors import ModelError

_BANNER = b"XNNPACK delegate for CPU"


def import_litert() -> Any:
    """Return the module with the class `Interpreter`. Raises ModelError with what to install."""
    try:
        from ai_edge_litert import interpreter
    except ImportError as error:
        raise ModelError(
            f"the backend litert needs LiteRT, which cannot be imported ({error}); "
            "run `pip install 'conversion-accuracy-harness[litert]'`"
        ) from None
    return interpreter


@contextlib.contextmanager
def without_banner() -> Iterator[None]:
    """Hold back what native code prints to stderr meanwhile, and pass on all but the banner, which no setting stops."""
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # no stderr at all
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held:
                if _BANNER not in line:
                    os.write(2, line)


def reason(error: Exception) -> str:
    """Return the first line of LiteRT's message."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
