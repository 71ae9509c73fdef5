"""The tiny network as a model of every backend that is installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.backends.base import ModelSpec
from harness.backends.registry import backends, facts_of
from harness.config import Input
from tests.backends.keras.keras_files import functional
from tests.backends.litert.tflite_files import write_tflite
from tests.backends.onnxruntime.onnx_files import write_onnx
from tests.backends.tensorflow.variable_graphs import save_checkpoint, save_tf2
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, Tiny

BACKENDS = sorted(backends())


@dataclass(frozen=True)
class Made:
    """``plain``: the input as a configuration has it."""

    backend: str
    model: Path
    plain: dict[str, Any]
    output: str

    def as_model(self, **more: Any) -> dict[str, Any]:
        """Return the model as a configuration names it."""
        model = {"id": self.backend, "backend": self.backend, "model": str(self.model)}
        return {**model, "input": self.plain, "output": self.output, **more}

    def spec(self, **more: Any) -> ModelSpec:
        given: dict[str, Any] = {"input": Input(**self.plain), "output": self.output, "model": str(self.model)}
        return ModelSpec(**{"id": self.backend, "size": SIZE, "outputs": CLASSES + 1, **given, **more})


class Formats:
    """Makes each model when it is asked for, once."""

    def __init__(self, tiny: Tiny, folder: Path) -> None:
        self._tiny, self._folder = tiny, folder
        self._made: dict[str, Made] = {}

    def __getitem__(self, backend: str) -> Made:
        if not facts_of(backend).is_installed:
            pytest.skip(f"{facts_of(backend).title} is not installed; it is the extra [{facts_of(backend).extra}]")
        if backend not in self._made:
            self._made[backend] = self._make(backend)
        return self._made[backend]

    def _make(self, backend: str) -> Made:
        import tensorflow as tf

        network, folder = self._tiny.network, self._folder
        contract = {"name": "input", "color": "RGB", "mean": list(MEAN), "scale": list(SCALE)}
        if backend == "openvino":
            return Made(backend, self._tiny.ir, {"name": "input", "color": "BGR"}, "Net/Probabilities")
        if backend == "tensorflow":
            return Made(backend, self._tiny.graph, contract, "Net/Reshape_1")
        if backend == "torch":
            from tests.backends.torch.torch_files import write_files

            inner = folder / "torch"
            inner.mkdir()
            return Made(backend, write_files(network, inner)["free"], {**contract, "name": "x"}, "softmax")
        made = {
            "keras": lambda: _keras(network, folder / "m.keras"),
            "litert": lambda: write_tflite(tf, folder / "m.tflite", network, element="float32"),
            "onnxruntime": lambda: write_onnx(folder / "m.onnx", network),
            "saved_model": lambda: save_tf2(tf, network, folder / "saved", name="input"),
            "tf_checkpoint": lambda: save_checkpoint(tf, network, folder / "net.ckpt", training=False),
        }
        return Made(backend, made[backend](), contract, "probabilities")


def _keras(network: Any, path: Path) -> Path:
    import keras

    functional(keras, network, name="input").save(path)
    return path
