"""What each operation of a LiteRT model gives: an interpreter without delegates that keeps every tensor."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.backends.base import Backend, Pixels, Probabilities
from harness.backends.batches import in_batches
from harness.backends.litert.framework import reason
from harness.backends.litert.network import network_of, real
from harness.backends.litert.runner import LiteRTBackend
from harness.backends.observing import Floats, Observer
from harness.errors import ModelError

_ERRORS = (RuntimeError, ValueError)


def observe(backend: Backend) -> Observer:
    """Return the observer of a loaded model."""
    if not isinstance(backend, LiteRTBackend):
        raise TypeError(f"{type(backend).__name__} does not run LiteRT")
    return InterpreterObserver(backend)


class InterpreterObserver(Observer):
    """A second interpreter, with LiteRT's own kernels: a quantised model may answer a step apart from XNNPACK."""

    def __init__(self, backend: LiteRTBackend) -> None:
        self._backend = backend
        self._source, output = backend.ports
        path = Path(backend.spec.model)
        first = backend.fed(np.zeros((backend.batch, *backend.spec.sides, 3), backend.element))
        try:
            self._interpreter = backend.opened_plainly(first.shape)
            self._invoke(first)
            self.network, self._tensors = network_of(self._interpreter, path.read_bytes(), self._source, output)
        except _ERRORS as error:
            raise ModelError(f"{path}: LiteRT failed while its operations were looked at: {reason(error)}") from None
        except (struct.error, IndexError):
            raise ModelError(f"{path}: not a LiteRT model, or cut off; fetch or convert it again") from None

    def _invoke(self, given: Any) -> None:
        self._interpreter.set_tensor(self._source, given)
        self._interpreter.invoke()

    def answers(self, pixels: Pixels) -> Probabilities:
        """Return what the model gives, float32 (n, outputs)."""
        return self._backend.infer(pixels)

    def activations(self, pixels: Pixels, names: Sequence[str]) -> dict[str, Floats]:
        """Return what the named operations give, as real values, float32 (n, ...)."""
        rows: dict[str, list[Any]] = {name: [] for name in names}
        for _, count, part in in_batches(pixels, self._backend.batch, fixed=True):
            try:
                self._invoke(self._backend.fed(part))
                for name in names:
                    rows[name].append(real(self._interpreter, self._tensors[name])[:count])
            except _ERRORS as error:
                raise ModelError(f"{self._backend.spec.model}: LiteRT failed: {reason(error)}") from None
        return {name: np.concatenate(parts) for name, parts in rows.items()}

    def close(self) -> None:
        """Let the interpreter go."""
        self.__dict__.pop("_interpreter", None)
