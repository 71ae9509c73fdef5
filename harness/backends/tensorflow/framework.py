"""TensorFlow without its chatter, and what its errors say."""

from __future__ import annotations

import os
from typing import Any

from harness.backends.native_output import without_lines
from harness.errors import ModelError

# It comes from before TensorFlow reads its own log level, so that no setting turns it off.
_BANNER = (b"absl::InitializeLog()", b"oneDNN custom operations are on", b"optimized to use available CPU instructions",
           b"To enable the following instructions")  # fmt: skip


def import_tensorflow(backend: str = "tensorflow") -> Any:
    """Import TensorFlow with its chatter off, for a backend of that name. Raises ModelError with what to install."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if os.path.expanduser("~") == "~":  # noqa: PTH111  # Keras would make a folder of that name
        os.environ.setdefault("KERAS_HOME", os.devnull)
    try:
        with without_lines(_BANNER):
            import tensorflow as tf
    except ImportError as error:
        raise ModelError(
            f"the backend {backend} needs TensorFlow, which cannot be imported ({error}); "
            "install it, for instance with `pip install 'conversion-accuracy-harness[tensorflow]'`"
        ) from None
    tf.get_logger().setLevel("ERROR")
    return tf


def reason(error: Exception) -> str:
    """Return the first line of TensorFlow's message."""
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
