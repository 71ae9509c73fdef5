"""The output of each operation of an ONNX model: the same graph with more outputs, or with more inputs as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.backends.base import Backend, Pixels, Probabilities
from harness.backends.batches import in_batches
from harness.backends.observing import Floats, Observer
from harness.backends.onnxruntime.framework import errors, reason
from harness.backends.onnxruntime.network import network_of
from harness.backends.onnxruntime.runner import ONNXRuntimeBackend
from harness.errors import ModelError

_FED = "harness fed: "


def observe(backend: Backend) -> Observer:
    """Return the observer of a loaded model. Raises ModelError if the package `onnx` is not installed."""
    if not isinstance(backend, ONNXRuntimeBackend):
        raise TypeError(f"{type(backend).__name__} does not run ONNX Runtime")
    return GraphObserver(backend)


class GraphObserver(Observer):
    """A graph that gets a session of its own for each set of operations."""

    cuts = True

    def __init__(self, backend: ONNXRuntimeBackend) -> None:
        self._backend = backend
        path = backend.spec.model
        try:
            import onnx
        except ImportError as error:
            raise ModelError(
                f"{backend.spec.id}: its layers cannot be inspected without the package `onnx` ({error}); run "
                "`pip install 'conversion-accuracy-harness[onnx]'`"
            ) from None
        self._onnx = onnx
        self._errors: tuple[type[Exception], ...] = (*errors(), ValueError)  # protobuf: more than 2 GiB
        self._model = onnx.load(path)
        self._source, output = backend.ports
        self.network = network_of(onnx, self._model, self._source, output)

    def answers(self, pixels: Pixels) -> Probabilities:
        """Return the model's output, float32 (n, outputs)."""
        return self._backend.infer(pixels)

    def activations(self, pixels: Pixels, names: Sequence[str]) -> dict[str, Floats]:
        """Return the outputs of the named operations, float32 (n, ...)."""
        marked = self._copy()
        self._set_outputs(marked, names)
        return self._run(marked, pixels, {}, names)

    def parts(self, pixels: Pixels, fed: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return the output of each operation while all of them are fed instead of computed, float32 (n, ...)."""
        cut = self._copy()
        instead = {name: f"{_FED}{name}" for name in fed}
        for node in cut.graph.node:
            for place, tensor in enumerate(node.input):
                if tensor in instead:
                    node.input[place] = instead[tensor]
        kind = self._onnx.TensorProto.FLOAT
        helper = self._onnx.helper
        for name, values in fed.items():
            cut.graph.input.append(helper.make_tensor_value_info(instead[name], kind, [None, *values.shape[1:]]))
        self._set_outputs(cut, list(fed))
        return self._run(cut, pixels, {instead[name]: values for name, values in fed.items()}, list(fed))

    def _copy(self) -> Any:
        copy = self._onnx.ModelProto()
        copy.CopyFrom(self._model)
        return copy

    def _set_outputs(self, model: Any, names: Sequence[str]) -> None:
        del model.graph.output[:]
        del model.graph.value_info[:]
        for name in names:
            model.graph.output.append(self._onnx.ValueInfoProto(name=name))

    def _run(self, model: Any, pixels: Pixels, fed: Mapping[str, Floats], names: Sequence[str]) -> dict[str, Floats]:
        rows: dict[str, list[Any]] = {name: [] for name in names}
        batch, fixed = self._backend.batch
        path = self._backend.spec.model
        try:
            session = self._backend.opened(model.SerializeToString())
            taken = {port.name for port in session.get_inputs()}
            for start, count, part in in_batches(pixels, batch, fixed=fixed):
                given = {self._source: self._backend.fed(part)} if self._source in taken else {}
                for name, values in fed.items():
                    rest = values[start : start + count]
                    padded = [rest, np.repeat(rest[-1:], len(part) - count, axis=0)]
                    given[name] = np.concatenate(padded) if len(part) > count else np.ascontiguousarray(rest)
                for name, value in zip(names, session.run(list(names), given), strict=True):
                    rows[name].append(np.asarray(value, np.float32)[:count])
        except self._errors as error:
            raise ModelError(
                f"{path}: ONNX Runtime failed while its operations were inspected: {reason(error)}"
            ) from None
        return {name: np.concatenate(parts) for name, parts in rows.items()}

    def close(self) -> None:
        """Release the model."""
        self.__dict__.pop("_model", None)
