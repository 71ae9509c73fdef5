"""The output of each operation of a PyTorch model, looked at inside the whole model or in parts of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.backends.base import Backend, Pixels, Probabilities
from harness.backends.batches import in_batches
from harness.backends.observing import Floats, Observer
from harness.backends.torch.framework import import_torch, reason
from harness.backends.torch.graphs import open_graph
from harness.backends.torch.network import network_of
from harness.backends.torch.runner import TorchBackend
from harness.errors import ModelError


def observe(backend: Backend) -> Observer:
    """Return the observer of a loaded model. Raises ModelError if its graph cannot be read."""
    if not isinstance(backend, TorchBackend):
        raise TypeError(f"{type(backend).__name__} does not run PyTorch")
    return TorchObserver(backend)


class TorchObserver(Observer):
    """A program or TorchScript, run once more for each set of operations, on the same device."""

    cuts = True

    def __init__(self, backend: TorchBackend) -> None:
        self._backend, self._torch = backend, import_torch()
        try:
            self._graph = open_graph(self._torch, *backend.port)
            self.network = network_of(self._graph)
        except ModelError as error:
            raise ModelError(f"{backend.spec.model}: its layers cannot be inspected: {error}") from None
        except Exception as error:  # noqa: BLE001  (PyTorch raises all kinds)
            raise ModelError(f"{backend.spec.model}: its layers cannot be inspected: {reason(error)}") from None

    def answers(self, pixels: Pixels) -> Probabilities:
        """Return the model's output, float32 (n, outputs)."""
        return self._backend.infer(pixels)

    def activations(self, pixels: Pixels, names: Sequence[str]) -> dict[str, Floats]:
        """Return the outputs of the named operations, float32 (n, ...)."""
        return self._run(pixels, names, {})

    def parts(self, pixels: Pixels, fed: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return the output of each operation while all of them are fed instead of computed, float32 (n, ...)."""
        return self._run(pixels, list(fed), fed)

    def _run(self, pixels: Pixels, names: Sequence[str], fed: Mapping[str, Floats]) -> dict[str, Floats]:
        rows: dict[str, list[Any]] = {name: [] for name in names}
        size, fixed = self._backend.batch
        with self._torch.inference_mode():
            for start, count, part in in_batches(pixels, size, fixed=fixed):
                given = self._backend.given(part)
                try:
                    found = self._graph.run(given, names, self._fed(fed, start, count, len(part), given))
                except Exception as error:  # noqa: BLE001  (PyTorch raises all kinds where a network cannot run)
                    raise ModelError(
                        f"{self._backend.spec.model}: PyTorch failed while its operations were inspected: "
                        f"{reason(error)}"
                    ) from None
                for name in names:
                    rows[name].append(self._real(found[name])[:count])
        return {name: np.concatenate(parts) for name, parts in rows.items()}

    def _fed(self, fed: Mapping[str, Floats], start: int, count: int, size: int, given: Any) -> dict[str, Any]:
        """Return the tensors for one batch, whose last row is repeated as often as that of the pixels."""
        found = {}
        for name, values in fed.items():
            rest = values[start : start + count]
            padded = np.concatenate([rest, np.repeat(rest[-1:], size - count, axis=0)])
            tensor = self._torch.from_numpy(np.ascontiguousarray(padded)).to(given.device)
            found[name] = tensor.to(given.dtype) if given.is_floating_point() else tensor
        return found

    def _real(self, value: Any) -> Floats:
        real = value.dequantize() if value.is_quantized else value
        return np.asarray(real.to("cpu", self._torch.float32).numpy())

    def close(self) -> None:
        """Release the graph."""
        self.__dict__.pop("_graph", None)
