from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import ModelSpec, Pixels
from harness.backends.litert.observing import observe
from harness.backends.litert.runner import LiteRTBackend
from harness.config import Input
from tests.backends.litert.tflite_files import write_tflite
from tests.backends.observed import check, first_and_second
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, Network

pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed; it is the extra [litert]")
CONTRACT = Input(name="input", color="RGB", mean=MEAN, scale=SCALE)


def spec(model: Path) -> ModelSpec:
    return ModelSpec("lite", str(model), CONTRACT, "probabilities", SIZE, CLASSES + 1, batch=3)


def test_what_each_operation_gives(tensorflow: Any, network: Network, pixels: Pixels, tmp_path: Path) -> None:
    check("litert", spec(write_tflite(tensorflow, tmp_path / "m.tflite", network)), network, pixels, slice(None))


def test_weights_of_8_bits_are_real_values_with_their_step(
    tensorflow: Any, network: Network, pixels: Pixels, tmp_path: Path
) -> None:
    """A channel's largest weight is 127 steps, and every other one lies within half a step of its value."""
    model = write_tflite(tensorflow, tmp_path / "m.tflite", network, element="int8")
    with LiteRTBackend(spec(model)) as backend, observe(backend) as observer:
        first, _ = first_and_second(observer.network.operations)
        assert first.weights is not None
        assert first.weights.storage == "int"
        assert first.weights.step is not None
        step = np.abs(network.first).max(axis=0) / 127
        np.testing.assert_allclose(first.weights.step, step, rtol=1e-5)
        assert (np.abs(first.weights.values[:, :, 0, 0] - network.first.T) <= 0.501 * step[:, None]).all()
        (answer,) = observer.activations(pixels, [observer.network.output]).values()
        np.testing.assert_allclose(answer, observer.answers(pixels), atol=2 / 256)
