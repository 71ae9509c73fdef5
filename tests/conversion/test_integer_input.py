"""Originals that take whole numbers, converted: what the written file is fed is rounded half to even and saturated.

The written file takes float32, and not every program that feeds it rounds its pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.config import Config, Input
from harness.conversion import convert
from harness.feeding.contract import holds, limits_of
from tests.backends.keras.keras_files import require_keras
from tests.backends.onnxruntime.onnx_files import write_onnx
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, Network, require
from tests.conversion.one_candidate import configured

# By hand: what float32 (x) becomes in uint8, int32 and, with a mean of 128 inside, in int8 (x - 128, here plus 128).
FED = (-300.0, -3.0, -0.5, 0.5, 1.5, 2.5, 3.49, 100.6, 127.5, 128.5, 253.99998, 254.5, 255.4, 300.0, 400.0)
WHOLE = {
    "uint8": (0, 0, 0, 0, 2, 2, 3, 101, 128, 128, 254, 254, 255, 255, 255),
    "int32": (-300, -3, 0, 0, 2, 2, 3, 101, 128, 128, 254, 254, 255, 300, 400),
    "int8": (0, 0, 0, 0, 2, 2, 3, 101, 128, 128, 254, 254, 255, 255, 255),
}
MORE = [("tensorflow", "int8"), ("tensorflow", "int32")]
Maker = Callable[[Any, Network, Path, str], Path]
# Keras's own, while it saves with numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


def contract(kind: str, name: str = "input") -> Input:
    return Input(name=name, color="RGB", mean=128 if kind == "int8" else 0, scale=1)


def shifted(kind: str) -> NDArray[np.float32]:
    """What the network subtracts, where 128 was subtracted before it."""
    return np.array(MEAN, np.float32) - np.float32(128 if kind == "int8" else 0)


def fed() -> NDArray[np.float32]:
    """Float32 (1, 16, 16, 3), each channel the values in another order."""
    order = np.random.default_rng(5)
    planes = [order.permutation(np.resize(np.array(FED, np.float32), SIZE * SIZE)) for _ in range(3)]
    return np.stack(planes, -1).reshape(1, SIZE, SIZE, 3)


def expected(network: Network, kind: str, swapped: bool = False) -> NDArray[np.float64]:
    table = dict(zip(np.array(FED, np.float32).tolist(), WHOLE[kind], strict=True))
    whole = np.vectorize(table.__getitem__)(fed())
    return network.of_normalised(((whole[..., ::-1] if swapped else whole) - np.array(MEAN)) / np.array(SCALE))


def of_tensorflow(tf: Any, network: Network, x: Any, kind: str) -> Any:
    scaled = (tf.cast(x, tf.float32) - shifted(kind)) / np.array(SCALE, np.float32)
    hidden = tf.nn.relu(tf.nn.conv2d(scaled, network.first[None, None], 1, "SAME"))
    return tf.nn.softmax(tf.matmul(tf.reduce_mean(hidden, [1, 2]), network.second), name="probabilities")


def graph(tf: Any, network: Network, folder: Path, kind: str) -> Path:
    with tf.Graph().as_default() as made:
        of_tensorflow(tf, network, tf.compat.v1.placeholder(kind, [None, SIZE, SIZE, 3], name="input"), kind)
        (folder / "m.pb").write_bytes(made.as_graph_def().SerializeToString())
    return folder / "m.pb"


def module(tf: Any, network: Network, kind: str, batch: int | None) -> Any:
    class Module(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([batch, SIZE, SIZE, 3], kind, name="input")])  # type: ignore[untyped-decorator]
        def run(self, x: Any) -> dict[str, Any]:
            return {"probabilities": of_tensorflow(tf, network, x, kind)}

    return Module()


def saved_model(tf: Any, network: Network, folder: Path, kind: str) -> Path:
    made = module(tf, network, kind, None)
    tf.saved_model.save(made, str(folder / "saved"), signatures=made.run)
    return folder / "saved"


def litert(tf: Any, network: Network, folder: Path, kind: str) -> Path:
    require("ai_edge_litert")
    made = module(tf, network, kind, 1)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([made.run.get_concrete_function()], made)
    (folder / "m.tflite").write_bytes(converter.convert())
    return folder / "m.tflite"


def keras(tf: Any, network: Network, folder: Path, kind: str) -> Path:
    del tf
    keras = require_keras()
    layers = keras.layers
    image = keras.Input((SIZE, SIZE, 3), name="input", dtype=kind)
    norm = layers.Normalization(mean=shifted(kind).tolist(), variance=(np.array(SCALE) ** 2).tolist())
    x = layers.Conv2D(8, 1, use_bias=False, activation="relu", name="first")(norm(image))
    last = layers.Dense(CLASSES + 1, use_bias=False, activation="softmax", name="probabilities")
    model = keras.Model(image, last(layers.GlobalAveragePooling2D()(x)))
    model.get_layer("first").set_weights([network.first[None, None]])
    last.set_weights([network.second])
    model.save(folder / "m.keras")
    return folder / "m.keras"


def onnx(tf: Any, network: Network, folder: Path, kind: str) -> Path:
    del tf
    require("onnxruntime")
    return write_onnx(folder / "m.onnx", network, element=kind, mean=shifted(kind))


def program(tf: Any, network: Network, folder: Path, kind: str) -> Path:
    del tf
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is the extra [torch]")

    class Whole(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            for key, value in (("first", network.first), ("second", network.second), ("mean", shifted(kind))):
                self.register_buffer(key, torch.from_numpy(value))
            self.register_buffer("scale", torch.tensor(SCALE))

        def forward(self, x: Any) -> Any:
            x = (x.permute(0, 2, 3, 1).float() - self.mean) / self.scale
            return torch.softmax(torch.relu(x @ self.first).mean((1, 2)) @ self.second, 1)

    example = torch.zeros(2, 3, SIZE, SIZE, dtype=getattr(torch, kind))
    made = torch.export.export(Whole().eval(), (example,), dynamic_shapes={"x": {0: torch.export.Dim("n")}})
    torch.export.save(made, folder / "m.pt2")
    return folder / "m.pt2"


MAKERS: dict[str, Maker] = {
    "tensorflow": graph,
    "saved_model": saved_model,
    "keras": keras,
    "onnxruntime": onnx,
    "litert": litert,
    "torch": program,
}


@pytest.fixture
def asked(tensorflow: Any, network: Network, tmp_path: Path) -> Callable[..., Config]:
    """Return a function that gives a configuration of a model that takes whole numbers, and of one candidate."""

    def configure(backend: str, kind: str, /, **candidate: Any) -> Config:
        model = MAKERS[backend](tensorflow, network, tmp_path, kind)
        name, output = ("x", "softmax") if backend == "torch" else ("input", "probabilities")
        return configured(tmp_path, backend, model, contract(kind, name), output, **candidate)

    return configure


def by_openvino(file: Path) -> Any:
    import openvino as ov

    compiled = ov.Core().compile_model(str(file), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled(fed())[0]


@pytest.mark.parametrize(("backend", "kind"), [*((name, "uint8") for name in MAKERS), *MORE])
def test_an_ir_rounds_and_saturates(asked: Callable[..., Config], network: Network, backend: str, kind: str) -> None:
    require("openvino")
    config = asked(backend, kind)
    done = convert(config, config.candidates[0])
    np.testing.assert_allclose(by_openvino(done.xml), expected(network, kind, swapped=True), atol=1e-5)
    (limit,) = [check.wanted for check in done.checks if check.name == "largest difference from the graph"]
    assert limit == "at most 1.0e-04"  # nothing is added for a rounding that the file does not have


@pytest.mark.parametrize(("backend", "kind"), [("tensorflow", "uint8"), ("torch", "uint8"), ("torch", "int32"), *MORE])
def test_an_onnx_file_rounds_and_saturates(
    asked: Callable[..., Config], network: Network, tmp_path: Path, backend: str, kind: str
) -> None:
    require("onnxruntime")
    if backend == "torch":
        pytest.importorskip("torch", reason="PyTorch is not installed; it is the extra [torch]")
        pytest.importorskip("onnxscript", reason="onnxscript is not installed; it is in the extra [torch-to-onnx]")
    else:
        require("tf2onnx")
    import onnxruntime as ort

    made = {"model": "made.onnx", "backend": "onnxruntime", "conversion": {"to": "onnx"}, "input": {"color": "RGB"}}
    config = asked(backend, kind, **made)
    convert(config, config.candidates[0])
    session = ort.InferenceSession(str(tmp_path / "made.onnx"), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: fed()})
    np.testing.assert_allclose(found, expected(network, kind), atol=1e-5)


@pytest.mark.parametrize("kind", WHOLE)
def test_a_litert_file_rounds_and_saturates(
    asked: Callable[..., Config], network: Network, tmp_path: Path, kind: str
) -> None:
    require("ai_edge_litert")
    from ai_edge_litert.interpreter import Interpreter

    made = {"model": "made.tflite", "backend": "litert", "conversion": {"to": "litert"}, "input": {"color": "RGB"}}
    config = asked("tensorflow", kind, **made)
    convert(config, config.candidates[0])
    interpreter = Interpreter(model_path=str(tmp_path / "made.tflite"))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], fed())
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, expected(network, kind), atol=1e-5)


def test_the_greatest_float32_that_an_integer_type_holds() -> None:
    assert limits_of(np.uint8) == (0, 255)
    assert limits_of(np.int8) == (-128, 127)
    assert limits_of(np.int32) == (-2147483648, 2147483520)  # float32 has 24 bits: the next one is 2147483648
    assert limits_of(np.int64) == (-(2**63), 2**63 - 2**39)
    assert not holds(np.int32, np.array([2147483648], np.float32))
    assert holds(np.int32, np.array([2147483520], np.float32))
