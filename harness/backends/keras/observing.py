"""The output of each operation of a model of this format: it runs as a TensorFlow graph."""

from __future__ import annotations

from harness.backends.tensorflow.observing import observe

__all__ = ["observe"]
