"""From a name in the configuration to a backend: in this process, or in one of its own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from harness.backends.base import Backend, ModelSpec
from harness.backends.registry import backends, facts_of, load_target
from harness.errors import ModelError


def open_backend(name: str, spec: ModelSpec) -> Backend:
    """Return the backend called ``name``, not yet loaded: enter it to load. Raises ConfigError for an unknown name."""
    return _opened(facts_of(name).runner, spec)


def open_rounded(spec: ModelSpec, precision: str, draw: int) -> Backend:
    """Return the network of a specification with weights and activations rounded to a precision, not yet loaded.

    It runs on the CPU, in f32, regardless of the specification's backend, device and precision. ``draw``: which of the
    random roundings; 0: none. Raises ModelError if no backend can round what its file holds.
    """
    able = [facts for facts in backends().values() if facts.rounder]
    model = Path(spec.model)
    target = next((facts.rounder for facts in able if any(each.recognises(model) for each in facts.readable)), None)
    if target is None:
        titles = " or ".join(facts.title for facts in able)
        raise ModelError(
            f"{spec.id}: rounding to {precision} works on a model that {titles} reads, not on {spec.model}; "
            "name another candidate as `yardstick`"
        )
    rounded = dataclasses.replace(
        spec,
        device="CPU",
        precision="f32",
        properties={},
        hints="pinned",
        cache_dir=None,
        rounding=(precision, draw),
        isolate=spec.isolate and any(facts.has_loops(model) for facts in able),
    )
    return _opened(target, rounded)


def _opened(runner: str, spec: ModelSpec) -> Backend:
    if spec.isolate:
        from harness.backends.isolation.backend import IsolatedBackend

        return IsolatedBackend(dataclasses.replace(spec, isolate=False), runner, spec.timeout_seconds)
    backend: Backend = load_target(runner)(spec)
    return backend
