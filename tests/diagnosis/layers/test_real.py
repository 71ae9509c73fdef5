"""Single layers of real networks changed: the frozen graph against an IR, the Keras model against ONNX and LiteRT."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import ModelSpec
from harness.config import Input
from harness.diagnosis.layers.search import LayerSearch, Side
from tests.conftest import require
from tests.diagnosis.layers import edits

SIZE = 224
PIXELS = np.random.default_rng(0).integers(0, 256, (1, SIZE, SIZE, 3)).astype(np.uint8)
RGB = Input(color="RGB", mean=127.5, scale=127.5)


def side(backend: str, model: Path, contract: Input, classes: int) -> Side:
    return Side(backend, ModelSpec(backend, str(model), contract, None, SIZE, classes), PIXELS)


@pytest.fixture(scope="module")
def against_keras(shared: Path) -> Iterator[LayerSearch]:
    require("keras")
    model = shared / "models" / "mobilenet_v1_0.25_224" / "mobilenet_v1_0.25_224.keras"
    with LayerSearch(side("keras", model, RGB, 1000)) as search:
        yield search


def test_an_ir_of_the_old_model_optimizer(shared: Path, openvino: Any, tmp_path: Path) -> None:
    """Its mean and scale are inside, its channels reversed, its batch norms folded; names survived."""
    require("tensorflow")
    ir = shared / "models" / "mo_2024.6" / "mobilenet-v2-1.0-224.xml"
    (changed,) = edits.save_edited(openvino, ir, [edits.noise(20, 0.02)], tmp_path / "x.xml")
    candidate = side("openvino", ir, Input(color="BGR"), 1001)
    reference = side("tensorflow", shared / "models" / "mobilenet_v2_1.0_224_frozen.pb", RGB, 1001)
    with LayerSearch(reference) as search:
        faithful = search.find(candidate)
        faulty = search.find(replace(candidate, spec=replace(candidate.spec, model=str(tmp_path / "x.xml"))))
    assert (faithful.verdict, faithful.cause, len(faithful.rows)) == ("clean", None, 54)
    assert min(row.alone.snr_db if row.alone else 0 for row in faithful.rows) > 110
    assert (faulty.verdict, faulty.cause) == ("found", "weights-changed")
    assert (faulty.reference, faulty.candidate) == (changed, changed)


def test_an_onnx_file(shared: Path, against_keras: LayerSearch, tmp_path: Path) -> None:
    require("onnxruntime")
    onnx = pytest.importorskip("onnx", reason="onnx is not installed; it is the extra [onnx]")
    file = shared / "models" / "mobilenet_v1_0.25_224" / "mobilenet_v1_0.25_224.onnx"
    candidate = side("onnxruntime", file, RGB, 1000)
    assert against_keras.find(candidate).verdict == "clean"
    model = onnx.load(file)
    node = [item for item in model.graph.node if item.op_type == "Conv"][9]
    (held,) = (item for item in model.graph.initializer if item.name == node.input[1])
    values = onnx.numpy_helper.to_array(held).copy()
    values[3] *= -1
    held.CopyFrom(onnx.numpy_helper.from_array(values, held.name))
    onnx.save(model, tmp_path / "x.onnx")
    found = against_keras.find(replace(candidate, spec=replace(candidate.spec, model=str(tmp_path / "x.onnx"))))
    assert (found.verdict, found.cause, found.candidate) == ("found", "weights-scaled", node.output[0])
    assert f"the original's times -1, in output channel 3 of {len(values)} alone" in found.sentence


def test_a_litert_file(shared: Path, against_keras: LayerSearch, tmp_path: Path) -> None:
    require("ai_edge_litert")
    from ai_edge_litert.interpreter import Interpreter

    file = shared / "models" / "mobilenet_v1_0.25_224" / "mobilenet_v1_0.25_224_float.tflite"
    candidate = side("litert", file, RGB, 1000)
    assert against_keras.find(candidate).verdict == "clean"
    interpreter = Interpreter(str(file))
    operation = interpreter._get_ops_details()[5]  # nothing public tells the operations
    bias = interpreter.get_tensor(int(operation["inputs"][2]))
    data = file.read_bytes()
    assert data.count(bias.tobytes()) == 1
    (tmp_path / "x.tflite").write_bytes(data.replace(bias.tobytes(), bytes(bias.nbytes)))
    found = against_keras.find(replace(candidate, spec=replace(candidate.spec, model=str(tmp_path / "x.tflite"))))
    assert (found.verdict, found.cause) == ("found", "bias-lost")
    assert str(found.reference).endswith("conv_dw_3_1/depthwise")
