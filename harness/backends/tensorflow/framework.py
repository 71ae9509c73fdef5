"""TensorFlow without its chatter, and what its errors say."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from harness.errors import ModelError

_BANNER = (b"absl::InitializeLog()", b"oneDNN custom operations are on", b"optimized to use available CPU instructions",
           b"To enable the following instructions")  # fmt: skip


def import_tensorflow() -> Any:
    """Import TensorFlow with its chatter off. Raises ModelError with what to install."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _without_banner():
            import tensorflow as tf
    except ImportError as error:
        raise ModelError(
            f"the backend tensorflow needs TensorFlow, which cannot be imported ({error}); "
            "install it, for instance with `pip install 'conversion-accuracy-harness[tensorflow]'`"
        ) from None
    tf.get_logger().setLevel("ERROR")
    return tf


@contextlib.contextmanager
def _without_banner() -> Iterator[None]:
    """Hold back what native code prints to stderr meanwhile, and pass on all but TensorFlow's banner.

    The banner comes from before TensorFlow reads its own log level, so that no setting turns it off.
    """
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
                if not any(word in line for word in _BANNER):
                    os.write(2, line)


def reason(error: Exception) -> str:
    """Return the first line of TensorFlow's message."""
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
