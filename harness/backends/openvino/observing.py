"""The output of each operation of an OpenVINO model, looked at inside the whole model or in parts of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness.backends.base import Backend, Pixels, Probabilities
from harness.backends.batches import in_batches
from harness.backends.observing import Floats, Observer
from harness.backends.openvino.framework import import_openvino, reason
from harness.backends.openvino.network import network_of
from harness.backends.openvino.quantized import output_quantization
from harness.backends.openvino.runner import OpenVINOBackend
from harness.errors import ModelError

_FED = "harness fed: "


def observe(backend: Backend) -> Observer:
    """Return the observer of a loaded model."""
    if not isinstance(backend, OpenVINOBackend):
        raise TypeError(f"{type(backend).__name__} does not run OpenVINO")
    return ModelObserver(backend)


class ModelObserver(Observer):
    """A model that is compiled again for each set of operations, on the same device at the same precision."""

    cuts = True

    def __init__(self, backend: OpenVINOBackend) -> None:
        self._backend = backend
        self._ov = import_openvino()
        self._core = self._ov.Core()
        model, source, _ = backend.read(self._core)
        index, self._batch = backend.port
        self._stored = output_quantization(model.outputs[index])
        self.network = network_of(model, source, model.outputs[index])
        self._model = backend.with_pixels(self._ov, model, source)

    def answers(self, pixels: Pixels) -> Probabilities:
        """Return the model's output, float32 (n, outputs)."""
        return self._backend.infer(pixels)

    def activations(self, pixels: Pixels, names: Sequence[str]) -> dict[str, Floats]:
        """Return the outputs of the named operations, float32 (n, ...), in one model that has them all as outputs."""
        marked = self._model.clone()
        found = _nodes(marked)
        marked = self._with_outputs(marked, [found[name].output(0) for name in names])
        return self._run(marked, {0: pixels}, names)

    def parts(self, pixels: Pixels, fed: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return the output of each operation while all of them are fed instead of computed, float32 (n, ...)."""
        cut = self._model.clone()
        found = _nodes(cut)
        parameters = list(cut.get_parameters())
        given: dict[Any, Any] = {0: pixels}
        outputs = []
        for number, (name, values) in enumerate(fed.items(), 1):
            port = found[name].output(0)
            instead = self._ov.opset13.parameter(port.get_shape(), self._ov.Type.f32, name=f"{_FED}{number}")
            taken = instead.output(0)
            if port.get_element_type() != self._ov.Type.f32:
                taken = self._ov.opset13.convert(instead, port.get_element_type().to_string()).output(0)
            for target in port.get_target_inputs():
                target.replace_source_output(taken)
            outputs.append(port)
            parameters.append(instead)
            given[number] = values
        model = self._with_outputs(cut, outputs, parameters)
        return self._run(model, given, list(fed))

    def _with_outputs(self, model: Any, ports: Sequence[Any], parameters: Any = None) -> Any:
        """Return a model whose only outputs are the given ones, as f32."""
        ops, f32 = self._ov.opset13, self._ov.Type.f32
        real = [port if port.get_element_type() == f32 else ops.convert(port, "f32").output(0) for port in ports]
        return self._ov.Model([ops.result(port) for port in real], parameters or model.get_parameters(), "observed")

    def _run(self, model: Any, given: Mapping[Any, Any], names: Sequence[str]) -> dict[str, Floats]:
        rows: dict[str, list[Any]] = {name: [] for name in names}
        try:
            request = self._backend.compile(self._core, model).create_infer_request()
            batched = {place: list(in_batches(values, self._batch, fixed=True)) for place, values in given.items()}
            for number, (_, kept, _) in enumerate(batched[0]):
                inputs = {place: np.ascontiguousarray(parts[number][2]) for place, parts in batched.items()}
                request.infer(inputs)
                for place, name in enumerate(names):
                    value = np.array(request.get_output_tensor(place).data, np.float32)
                    rows[name].append(value[:kept])
        except RuntimeError as error:
            raise ModelError(
                f"{self._backend.spec.id}: {self._backend.spec.device} failed while its operations were inspected: "
                f"{reason(error)}"
            ) from None
        values = {name: np.concatenate(parts) for name, parts in rows.items()}
        if self._stored and self.network.output in values:
            values[self.network.output] = self._stored.real(values[self.network.output])
        return values

    def close(self) -> None:
        """Release the model."""
        self.__dict__.pop("_model", None)


def _nodes(model: Any) -> dict[str, Any]:
    return {node.get_friendly_name(): node for node in model.get_ordered_ops()}
