"""Models that their frameworks load and run, as a run does it: native code reads what strangers wrote."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.campaign.kind import Kind
from tests.campaign.mutations import Mutate, mutate_bytes, mutate_text
from tests.campaign.structured import mutate_hdf5, mutate_index, mutate_message, mutate_zip

_SECONDS = 10.0  # that a model which may never end gets, in a process of its own


def run_model(backend: str, model: Path, *, inside: bool = False) -> object:
    """Let a model of the tiny network be described, loaded, and compute one batch; ``inside``: layer by layer, too."""
    from harness.backends.base import ModelSpec
    from harness.backends.opening import open_backend
    from harness.backends.registry import facts_of, load_target
    from harness.config import Input
    from harness.diagnosis.layers.layer import layers_of
    from harness.errors import HarnessError
    from tests.conftest import CLASSES, MEAN, SCALE, SIZE

    facts = facts_of(backend)
    with contextlib.suppress(HarnessError):
        facts.describe(model)
    facts.aliases_of(model)
    contract = Input(name="input", color="RGB", mean=MEAN, scale=SCALE)
    spec = ModelSpec(
        *("model", str(model), contract, "probabilities", SIZE, CLASSES + 1),
        batch=2,
        threads=1,
        isolate=facts.has_loops(model),
        timeout_seconds=_SECONDS,
    )
    pixels = np.zeros((2, SIZE, SIZE, 3), np.uint8)
    with open_backend(backend, spec) as opened:
        answers = opened.infer(pixels)
        if not inside or spec.isolate or facts.observer is None:
            return answers
        with load_target(facts.observer)(opened) as observer:
            names = [layer.point for layer in layers_of(observer.network, contract)]
            return observer.answers(pixels), observer.activations(pixels, names)


def _onnx(folder: Path) -> Path:
    from tests.backends.onnxruntime.onnx_files import write_onnx
    from tests.conftest import the_network

    return write_onnx(folder / "tiny.onnx", the_network())


def _onnx_beside(folder: Path) -> Path:
    from tests.backends.onnxruntime.onnx_files import write_onnx
    from tests.conftest import the_network

    network = the_network()
    (folder / "tiny.weights").write_bytes(network.first.astype("<f4").tobytes())
    return write_onnx(folder / "tiny.onnx", network, location="tiny.weights")


def _onnx_weights(folder: Path) -> Path:
    return _onnx_beside(folder).with_name("tiny.weights")


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


def _saved(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import tensorflow as tf

        from tests.backends.tensorflow.variable_graphs import save_tf2
        from tests.conftest import the_network

        return save_tf2(tf, the_network(), folder / "saved", name="input") / name

    return make


def _checkpoint(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import tensorflow as tf

        from tests.backends.tensorflow.variable_graphs import save_checkpoint
        from tests.conftest import the_network

        save_checkpoint(tf, the_network(), folder / "net.ckpt", training=False)
        return folder / f"net.ckpt{suffix}"

    return make


def _keras(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import warnings

        import keras

        from tests.backends.keras.keras_files import functional
        from tests.conftest import the_network

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            functional(keras, the_network(), name="input").save(folder / name)
        return folder / name

    return make


def _torch(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        from tests.backends.torch.torch_files import write_files
        from tests.conftest import the_network

        return write_files(the_network(), folder)[name]

    return make


def _used_by(backend: str, *, inside: bool = False) -> Callable[[Path], object]:
    return lambda path: run_model(backend, path, inside=inside)


def _use_ir(path: Path) -> object:
    return run_model("openvino", path.with_suffix(".xml"))


def _use_onnx_beside(backend: str) -> Callable[[Path], object]:
    return lambda path: run_model(backend, path.with_suffix(".onnx"))


def _use_saved(path: Path) -> object:
    folder = path.parents[1] if path.parent.name == "variables" else path.parent
    return run_model("saved_model", folder, inside=True)


def _use_checkpoint(path: Path) -> object:
    return run_model("tf_checkpoint", path.with_name("net.ckpt.meta"), inside=True)


_TF = ("tensorflow",)
_VALUES = ".data-00000-of-00001"


def _tensorflow(name: str, make: Callable[[Path], Path], mutate: Mutate, use: Callable[[Path], object]) -> Kind:
    return Kind(name, make, mutate, use, _TF, share=0.1)


_LITERT = ("tensorflow", "ai_edge_litert")
MODELS: tuple[Kind, ...] = (
    Kind("IR, run by OpenVINO", _ir, mutate_text, _used_by("openvino", inside=True), ("openvino",), 0.4),
    Kind("weights of an IR, run by OpenVINO", _ir_weights, mutate_bytes, _use_ir, ("openvino",), 0.4),
    _tensorflow("graph, run by TensorFlow", _graph, mutate_bytes, _used_by("tensorflow")),
    _tensorflow("graph by fields", _graph, mutate_message, _used_by("tensorflow", inside=True)),
    Kind("ONNX, run by ONNX Runtime", _onnx, mutate_bytes, _used_by("onnxruntime"), ("onnxruntime",)),
    Kind("ONNX by fields", _onnx, mutate_message, _used_by("onnxruntime", inside=True), ("onnxruntime",)),
    Kind("ONNX, run by OpenVINO", _onnx, mutate_bytes, _used_by("openvino"), ("openvino",), 0.4),
    Kind("ONNX by fields, by OpenVINO", _onnx, mutate_message, _used_by("openvino"), ("openvino",), 0.4),
    Kind("ONNX with weights beside it", _onnx_beside, mutate_message, _used_by("onnxruntime"), ("onnxruntime",)),
    Kind("weights beside ONNX", _onnx_weights, mutate_bytes, _use_onnx_beside("onnxruntime"), ("onnxruntime",), 0.4),
    Kind(
        "weights beside ONNX, by OpenVINO",
        _onnx_weights,
        mutate_bytes,
        _use_onnx_beside("openvino"),
        ("openvino",),
        0.2,
    ),
    Kind("LiteRT, run by LiteRT", _litert, mutate_bytes, _used_by("litert", inside=True), _LITERT),
    Kind("LiteRT, run by OpenVINO", _litert, mutate_bytes, _used_by("openvino"), (*_LITERT, "openvino"), 0.4),
    _tensorflow("SavedModel, its graph", _saved("saved_model.pb"), mutate_message, _use_saved),
    _tensorflow("SavedModel, its index", _saved("variables/variables.index"), mutate_index, _use_saved),
    _tensorflow("SavedModel, its values", _saved(f"variables/variables{_VALUES}"), mutate_bytes, _use_saved),
    _tensorflow("SavedModel, other files", _saved("fingerprint.pb"), mutate_bytes, _use_saved),
    _tensorflow("checkpoint, its graph", _checkpoint(".meta"), mutate_message, _use_checkpoint),
    _tensorflow("checkpoint, its index", _checkpoint(".index"), mutate_index, _use_checkpoint),
    _tensorflow("checkpoint, its values", _checkpoint(_VALUES), mutate_bytes, _use_checkpoint),
    Kind("Keras, .keras", _keras("net.keras"), mutate_zip, _used_by("keras"), ("keras", "tensorflow"), 0.03),
    Kind("Keras, .h5", _keras("net.h5"), mutate_hdf5, _used_by("keras"), ("keras", "tensorflow"), 0.03),
    Kind("TorchScript", _torch("scripted"), mutate_zip, _used_by("torch", inside=True), ("torch",), 0.4),
    Kind("program of torch.export", _torch("free"), mutate_zip, _used_by("torch", inside=True), ("torch",), 0.2),
)
