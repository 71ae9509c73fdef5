"""TensorFlow without its log output, and what its errors say."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from harness.backends.importing import IMPORT_FAILS, one_at_a_time
from harness.backends.native_output import without_lines
from harness.disk.parsing import parsing
from harness.errors import ModelError

# It comes from before TensorFlow reads its own log level, so that no setting turns it off.
_BANNER = (b"absl::InitializeLog()", b"oneDNN custom operations are on", b"optimized to use available CPU instructions",
           b"To enable the following instructions")  # fmt: skip

_PROC = "/proc/self/stat"

# What `import tensorflow` imports of Keras at its end, and does without where it is not installed: 1.2 of 3.2 seconds.
_KERAS = ("keras.src.optimizers", "tf_keras.src.optimizers")


@contextlib.contextmanager
def _without_keras() -> Iterator[None]:
    """Make Keras look as if it were not installed, for an import inside the block; code that needs it imports it."""
    hidden = [name for name in _KERAS if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # the documented way to make an import fail
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)  # another thread may have been as far


@one_at_a_time
def import_tensorflow(backend: str = "tensorflow") -> Any:
    """Import TensorFlow with its chatter off, for a backend of that name. Raises ModelError with what to install."""
    if sys.platform == "linux" and not os.path.exists(_PROC):  # noqa: PTH110  # it would abort the process
        raise ModelError(f"the backend {backend} needs {_PROC}, without which TensorFlow does not run; mount /proc")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # A session's own threads for what is inside one operation: else the first session decides for the whole process.
    os.environ.setdefault("TF_OVERRIDE_GLOBAL_THREADPOOL", "1")
    if os.path.expanduser("~") == "~":  # noqa: PTH111  # Keras would make a folder of that name
        os.environ.setdefault("KERAS_HOME", os.devnull)
    try:
        with without_lines(_BANNER), _without_keras():
            import tensorflow as tf
    except IMPORT_FAILS as error:
        raise ModelError(
            f"the backend {backend} needs TensorFlow, which cannot be imported ({error}); "
            "install it, for instance with `pip install 'conversion-accuracy-harness[tensorflow]'`"
        ) from None
    tf.get_logger().setLevel("ERROR")
    return tf


def reason(error: Exception) -> str:
    """Return the line of TensorFlow's message that says what is wrong.

    An error while a graph runs begins with "Graph execution error:" and a trace; the cause is before its node.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    place = next((number for number, line in enumerate(lines) if line.startswith("[[{{node")), None)
    if place:
        node = lines[place].removeprefix("[[{{node ").partition("}}")[0]
        return f"{lines[place - 1][:300]} (in '{node}')"
    plain = [line for line in lines if line != "Graph execution error:" and not line.startswith("Detected at node")]
    return (plain or lines or [type(error).__name__])[0][:300]


def loading(path: object) -> AbstractContextManager[None]:
    """Raise ModelError for any error of TensorFlow inside the block, for a graph that it does not accept."""
    return parsing(str(path), ModelError, "fetch or freeze it again", what="the graph cannot be loaded", say=reason)
