"""From a name in the configuration to a backend: in this process, or in one of its own."""

from __future__ import annotations

import dataclasses

from harness.backends.base import Backend, ModelSpec
from harness.backends.registry import facts_of, load_target


def open_backend(name: str, spec: ModelSpec) -> Backend:
    """Return the backend called ``name``, not yet loaded: enter it to load. Raises ConfigError for an unknown name."""
    runner = facts_of(name).runner
    if spec.isolate:
        from harness.backends.isolation.backend import IsolatedBackend

        return IsolatedBackend(dataclasses.replace(spec, isolate=False), runner, spec.timeout_seconds)
    backend: Backend = load_target(runner)(spec)
    return backend
