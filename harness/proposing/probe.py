"""A model that runs on images under any contract, loaded once where its backend lets it."""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harness.backends.base import Backend, ModelSpec
from harness.backends.opening import open_backend
from harness.backends.registry import load_target
from harness.config import Input
from harness.proposing.contracts import Contract
from harness.proposing.models import FoundModel

_AT_ONCE = 64  # images as floating values: 38 MB of 224x224 pixels


class Probe:
    """Runs one model; a context manager.

    A backend that takes floating pixels is loaded once, for plain pixels, and gets the pixels of each contract. Any
    other is loaded again for each contract, and the last one stays loaded.
    """

    def __init__(self, model: FoundModel, size: tuple[int, int], width: int) -> None:
        self._model, self._size, self._width = model, size, width
        whole = model.input.dtype.startswith(("int", "uint")) and model.input.quantization is None
        self._floating = bool(load_target(model.facts.runner).takes_floating) and not whole
        self._stack = contextlib.ExitStack()
        self._loaded: tuple[Any, Backend] | None = None
        self.loads = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def answers(self, pixels: NDArray[np.uint8], contract: Contract) -> NDArray[np.float32]:
        """Return float32 (n, width), as the model gives it, for uint8 (n, height, width, 3) BGR. Raises ModelError."""
        ordered = pixels if contract.color == "BGR" else pixels[..., ::-1]
        if not self._floating:
            backend = self._backend(Contract("BGR", contract.mean, contract.scale, contract.name))
            return backend.infer(np.ascontiguousarray(ordered))
        backend = self._backend(Contract("BGR", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ""))
        mean, scale = (np.array(values, np.float32) for values in (contract.mean, contract.scale))
        parts = []
        for start in range(0, len(pixels), _AT_ONCE):
            part = ordered[start : start + _AT_ONCE].astype(np.float32)
            parts.append(backend.infer(np.ascontiguousarray((part - mean) / scale)))
        return np.concatenate(parts)

    def _backend(self, contract: Contract) -> Backend:
        if self._loaded is not None and self._loaded[0] == contract.values:
            return self._loaded[1]
        self._stack.close()
        spec = ModelSpec(
            id=self._model.id,
            model=str(self._model.path),
            input=Input(name=self._model.input.name, color=contract.color, mean=contract.mean, scale=contract.scale),
            output=self._model.output.name,
            size=self._size,
            outputs=self._width,
            isolate=self._model.facts.has_loops(self._model.path),
            floating=self._floating,
        )
        backend = self._stack.enter_context(open_backend(self._model.facts.name, spec))
        self._loaded = contract.values, backend
        self.loads += 1
        return backend
