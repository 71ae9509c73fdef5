"""What runs a model. Each backend imports its framework only when it loads."""

from __future__ import annotations

import dataclasses

from harness.backends.base import Backend, Loaded, ModelSpec
from harness.errors import ConfigError


def open_backend(name: str, spec: ModelSpec) -> Backend:
    """Return the backend called ``name`` (``tensorflow`` or ``openvino``), not yet loaded: enter it to load."""
    if spec.isolate:
        from harness.backends.isolated import IsolatedBackend

        return IsolatedBackend(dataclasses.replace(spec, isolate=False), name, spec.timeout_seconds)
    if name == "tensorflow":
        from harness.backends.tensorflow import TensorFlowBackend

        return TensorFlowBackend(spec)
    if name == "openvino":
        from harness.backends.openvino import OpenVINOBackend

        return OpenVINOBackend(spec)
    raise ConfigError(f"there is no backend '{name}'; there are tensorflow and openvino")


__all__ = ["Backend", "Loaded", "ModelSpec", "open_backend"]
