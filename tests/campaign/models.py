"""Models that their frameworks load and run, as a run does it: native code reads what strangers wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.campaign.kind import Kind
from tests.campaign.mutations import mutate_bytes, mutate_text


def _run(backend: str, model: Path) -> object:
    """Load a model of the tiny network and let it compute one batch."""
    from harness.backends.base import ModelSpec
    from harness.backends.opening import open_backend
    from harness.config import Input
    from tests.conftest import CLASSES, MEAN, SCALE, SIZE

    contract = Input(name="input", color="RGB", mean=MEAN, scale=SCALE)
    spec = ModelSpec("model", str(model), contract, "probabilities", SIZE, CLASSES + 1, batch=2, threads=1)
    with open_backend(backend, spec) as opened:
        return opened.infer(np.zeros((2, SIZE, SIZE, 3), np.uint8))


def _onnx(folder: Path) -> Path:
    from tests.backends.onnxruntime.onnx_files import write_onnx
    from tests.conftest import the_network

    return write_onnx(folder / "tiny.onnx", the_network())


def _ir(folder: Path) -> Path:
    import openvino as ov

    onnx = _onnx(folder)
    ov.save_model(ov.Core().read_model(str(onnx)), str(folder / "tiny.xml"), compress_to_fp16=False)
    onnx.unlink()
    return folder / "tiny.xml"


def _ir_weights(folder: Path) -> Path:
    return _ir(folder).with_suffix(".bin")


def _graph(folder: Path) -> Path:
    import tensorflow as tf

    from tests.conftest import CLASSES, SIZE, the_network

    network = the_network()
    with tf.Graph().as_default() as graph:
        pixels = tf.compat.v1.placeholder(tf.float32, [None, SIZE, SIZE, 3], name="input")
        hidden = tf.nn.relu(tf.nn.conv2d(pixels, network.first[None, None], 1, "SAME"))
        logits = tf.matmul(tf.reduce_mean(hidden, [1, 2]), tf.constant(network.second))
        tf.reshape(tf.nn.softmax(logits), [-1, CLASSES + 1], name="probabilities")
        (folder / "tiny.pb").write_bytes(graph.as_graph_def().SerializeToString())
    return folder / "tiny.pb"


def _litert(folder: Path) -> Path:
    import tensorflow as tf

    from tests.backends.litert.tflite_files import write_tflite
    from tests.conftest import the_network

    return write_tflite(tf, folder / "tiny.tflite", the_network())


def _use_ir(path: Path) -> object:
    return _run("openvino", path.with_suffix(".xml"))


def _used_by(backend: str) -> Callable[[Path], object]:
    return lambda path: _run(backend, path)


_LITERT = ("tensorflow", "ai_edge_litert")
MODELS: tuple[Kind, ...] = (
    Kind("IR, run by OpenVINO", _ir, mutate_text, _use_ir, ("openvino",)),
    Kind("weights of an IR, run by OpenVINO", _ir_weights, mutate_bytes, _use_ir, ("openvino",)),
    Kind("graph, run by TensorFlow", _graph, mutate_bytes, _used_by("tensorflow"), ("tensorflow",)),
    Kind("ONNX, run by ONNX Runtime", _onnx, mutate_bytes, _used_by("onnxruntime"), ("onnxruntime",)),
    Kind("ONNX, run by OpenVINO", _onnx, mutate_bytes, _used_by("openvino"), ("openvino",)),
    Kind("LiteRT, run by LiteRT", _litert, mutate_bytes, _used_by("litert"), _LITERT),
    Kind("LiteRT, run by OpenVINO", _litert, mutate_bytes, _used_by("openvino"), (*_LITERT, "openvino")),
)
