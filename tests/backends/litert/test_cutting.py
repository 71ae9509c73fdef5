from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import ModelSpec, Pixels
from harness.backends.litert.cutting import Part, cut, part_to
from harness.backends.litert.observing import observe
from harness.backends.litert.runner import LiteRTBackend
from harness.config import Input
from tests.backends.litert.tflite_files import write_tflite
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, Network

# 0 -> [op 0] -> 1 -> [op 1, with the constant 9] -> 2; 1 and 2 -> [op 2] -> 3; 3 -> [op 3] -> 4
OPERATIONS = [
    {"index": 0, "inputs": [0], "outputs": [1]},
    {"index": 1, "inputs": [1, 9], "outputs": [2]},
    {"index": 2, "inputs": [1, 2], "outputs": [3]},
    {"index": 3, "inputs": [3], "outputs": [4]},
]


@pytest.mark.parametrize(
    ("output", "given", "operators", "inputs"),
    [
        (4, {0, 1, 2, 3, 4}, (3,), (3,)),
        (3, {0, 1, 2}, (2,), (1, 2)),
        (3, {0, 1}, (1, 2), (1,)),
        (4, {0}, (0, 1, 2, 3), (0,)),
        (2, {0, 2}, (0, 1), (0,)),
    ],
)
def test_a_part_begins_where_something_is_given(
    output: int, given: set[int], operators: tuple[int, ...], inputs: tuple[int, ...]
) -> None:
    assert part_to(output, OPERATIONS, given) == Part(operators, inputs, output)


@pytest.mark.parametrize("data", [b"", b"\x00" * 7, b"no model at all"])
def test_what_is_no_model_is_an_error_that_is_caught(data: bytes) -> None:
    with pytest.raises((struct.error, IndexError, ValueError, StopIteration)):
        cut(data, Part((0,), (0,), 1))


@pytest.mark.parametrize("element", ["float32", "int8"])
def test_a_part_fed_what_the_whole_gave_gives_the_same(
    tensorflow: Any, network: Network, pixels: Pixels, tmp_path: Path, element: str
) -> None:
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed; it is the extra [litert]")
    model = write_tflite(tensorflow, tmp_path / "m.tflite", network, element=element)
    contract = Input(name="input", color="RGB", mean=MEAN, scale=SCALE)
    spec = ModelSpec("lite", str(model), contract, "probabilities", SIZE, CLASSES + 1, batch=2)
    with LiteRTBackend(spec) as backend, observe(backend) as observer:
        names = [item.name for item in observer.network.operations]
        seen = observer.activations(pixels, names)
        alone = observer.parts(pixels, seen)
        assert set(alone) == set(names)
        for name in names:
            np.testing.assert_allclose(alone[name], seen[name].reshape(alone[name].shape), rtol=1e-5, atol=1e-5)
