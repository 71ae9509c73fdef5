"""TensorFlow, imported for this backend."""

from __future__ import annotations

from typing import Any

from harness.backends.tensorflow.framework import import_tensorflow


def import_framework() -> Any:
    """Import TensorFlow. Raises ModelError with what to install."""
    return import_tensorflow("tf_checkpoint")
