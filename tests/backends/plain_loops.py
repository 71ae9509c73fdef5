"""What a plain script of each framework does: numpy normalises, whole batches run, nothing of the harness is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Run = Callable[[NDArray[np.float32]], Any]
Loop = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def loop(backend: str, model: Path, batch: int, threads: int, *, mean: Any, scale: Any, output: str | None) -> Loop:
    """Return a function from BGR pixels, uint8 (n, h, w, 3), to float32 (n, classes), for an RGB model."""
    run = _RUNS[backend](model, batch, threads, output)
    mean, scale = np.asarray(mean, np.float32), np.asarray(scale, np.float32)

    def whole(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        parts = []
        for start in range(0, len(pixels), batch):
            part = pixels[start : start + batch]
            fed = (part[..., ::-1].astype(np.float32) - mean) / scale
            parts.append(np.asarray(run(fed)).reshape(len(part), -1))
        return np.concatenate(parts)

    return whole


def _onnxruntime(model: Path, _batch: int, threads: int, output: str | None) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 4
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda fed: session.run([output] if output else None, {name: fed})[0]


def _litert(model: Path, batch: int, threads: int, _output: str | None) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(model), num_threads=threads)
    source, answer = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.resize_tensor_input(source["index"], [batch, *source["shape"][1:]])
    interpreter.allocate_tensors()

    def run(fed: NDArray[np.float32]) -> Any:
        interpreter.set_tensor(source["index"], fed)
        interpreter.invoke()
        return interpreter.get_tensor(answer["index"])

    return run


def _torch(model: Path, _batch: int, threads: int, _output: str | None) -> Run:
    import torch

    torch.set_num_threads(threads)
    network = torch.export.load(model).module() if model.suffix == ".pt2" else torch.jit.load(model)

    def run(fed: NDArray[np.float32]) -> Any:
        with torch.inference_mode():
            return network(torch.from_numpy(np.ascontiguousarray(fed.transpose(0, 3, 1, 2)))).numpy()

    return run


def _openvino(model: Path, batch: int, threads: int, _output: str | None) -> Run:
    import openvino

    core = openvino.Core()
    network = core.read_model(str(model))
    network.reshape([batch, *(side.get_length() for side in list(network.input(0).get_partial_shape())[1:])])
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    compiled = core.compile_model(network, "CPU", options)
    return lambda fed: compiled(fed)[0]


def _keras(model: Path, _batch: int, _threads: int, _output: str | None) -> Run:
    import keras

    network = keras.models.load_model(model, compile=False)
    run: Run = network.predict_on_batch
    return run


def _saved_model(model: Path, _batch: int, _threads: int, _output: str | None) -> Run:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(model))
    signature = loaded.signatures["serving_default"]
    (name,) = signature.structured_input_signature[1]

    def run(fed: NDArray[np.float32], _kept: Any = loaded) -> Any:  # a signature does not keep its variables
        return next(iter(signature(**{name: tf.constant(fed)}).values())).numpy()

    return run


def _tensorflow(model: Path, _batch: int, threads: int, output: str | None) -> Run:
    from tensorflow.compat import v1

    graph_def = v1.GraphDef.FromString(model.read_bytes())
    with v1.Graph().as_default() as graph:
        v1.import_graph_def(graph_def, name="")
    session = v1.Session(graph=graph, config=v1.ConfigProto(intra_op_parallelism_threads=threads))
    return lambda fed: session.run(f"{output}:0", {"input:0": fed})


def _tf_checkpoint(model: Path, _batch: int, threads: int, output: str | None) -> Run:
    from tensorflow.compat import v1

    with v1.Graph().as_default() as graph:
        saver = v1.train.import_meta_graph(str(model))
        session = v1.Session(graph=graph, config=v1.ConfigProto(intra_op_parallelism_threads=threads))
        saver.restore(session, str(model).removesuffix(".meta"))
    return lambda fed: session.run(f"{output}:0", {"input:0": fed})


_RUNS: dict[str, Callable[[Path, int, int, str | None], Run]] = {
    "keras": _keras,
    "litert": _litert,
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "saved_model": _saved_model,
    "tensorflow": _tensorflow,
    "tf_checkpoint": _tf_checkpoint,
    "torch": _torch,
}
