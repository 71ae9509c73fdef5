"""Graphs as people have them: devices, unfed inputs, defaults, training left in, odd shapes and types."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.backends.base import ModelSpec
from harness.backends.registry import facts_of
from harness.backends.tensorflow.runner import TensorFlowBackend
from harness.config import Config, Input, load_config
from harness.conversion import convert
from harness.errors import ModelError
from tests.backends.one_backend import OneBackend
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, Network, require, run_harness

CONTRACT = Input(name="input", color="RGB", mean=MEAN, scale=SCALE)


@pytest.fixture
def write(tensorflow: Any, network: Network, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the network as a graph with a peculiarity."""
    tf, v1 = tensorflow, tensorflow.compat.v1

    def make(
        *,
        source: Callable[[Any], Any] | None = None,
        inside: Callable[[Any, Any], Any] = lambda _tf, x: x,
        end: Callable[[Any, Any], Any] = lambda _tf, y: y,
        edit: Callable[[Any], None] = lambda graph: None,
    ) -> Path:
        with tf.Graph().as_default() as graph, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given = source(tf) if source else v1.placeholder(tf.float32, [None, SIZE, SIZE, 3], name="input")
            x = inside(tf, given)
            hidden = tf.nn.relu(tf.nn.conv2d(tf.cast(x, tf.float32), network.first[None, None], 1, "SAME"))
            answer = tf.nn.softmax(tf.matmul(tf.reduce_mean(hidden, [1, 2]), tf.constant(network.second)))
            tf.identity(end(tf, answer), name="out")
            graph_def = graph.as_graph_def()
        edit(graph_def)
        path = tmp_path / "m.pb"
        path.write_bytes(graph_def.SerializeToString())
        return path

    return make


ALONE = OneBackend(TensorFlowBackend, ModelSpec("tf", "", CONTRACT, "out", SIZE, CLASSES + 1, batch=7))
spec = ALONE.spec


def infer(model: Path, pixels: Any, **changes: Any) -> Any:
    with TensorFlowBackend(spec(model, **changes)) as backend:
        return backend.infer(pixels), backend.loaded.warnings


def refused(model: Path, **changes: Any) -> str:
    return ALONE.refused(spec(model, **changes))


def configured(model: Path, contract: Input = CONTRACT) -> Config:
    import yaml

    (model.parent / "images").mkdir(exist_ok=True)
    data = {
        "version": 1,
        "name": "kinds",
        "dataset": {"path": "images", "classes": CLASSES, "preprocess": {"size": SIZE}},
        "reference": {"id": "tf", "model": "m.pb", "input": contract.model_dump(mode="json"), "output": "out"},
        "candidates": [{"id": "ir", "model": "ir.xml", "input": {"color": "BGR"}, "output": "answer"}],
    }
    path = model.parent / "c.yml"
    path.write_text(yaml.safe_dump(data))
    return load_config(path)


def converted(model: Path, pixels: Any, contract: Input = CONTRACT) -> Any:
    from harness.backends.openvino.runner import OpenVINOBackend

    require("openvino")
    config = configured(model, contract)
    done = convert(config, config.candidates[0])
    asked = ModelSpec("ir", str(done.xml), Input(color="BGR"), "answer", SIZE, CLASSES + 1)
    with OpenVINOBackend(asked) as backend:
        return backend.infer(pixels)


def test_devices_of_the_graph_are_not_asked_for(write: Any, network: Network, pixels: NDArray[np.uint8]) -> None:
    def place(graph: Any) -> None:
        for node in graph.node:
            node.device = "/job:worker/device:GPU:0"

    found, notes = infer(write(edit=place), pixels)
    np.testing.assert_allclose(found, network.of_pixels(pixels), atol=1e-5)
    assert notes == ("tf: the graph places operations on /job:worker/device:GPU:0; they run on the CPU",)


@pytest.mark.parametrize("place", [b"loc:@nowhere", b"loc:@input", b"elsewhere", b"loc:@"])
def test_operations_beside_which_others_should_run_may_be_gone(
    write: Any, network: Network, pixels: NDArray[np.uint8], place: bytes
) -> None:
    def beside(graph: Any) -> None:
        for node in graph.node:
            node.attr["_class"].list.s.append(place)

    model = write(edit=beside)
    np.testing.assert_allclose(infer(model, pixels)[0], network.of_pixels(pixels), atol=1e-5)
    np.testing.assert_allclose(converted(model, pixels), network.of_pixels(pixels), atol=1e-5)


def test_the_path_of_a_graph_may_have_commas(write: Any, network: Network, pixels: NDArray[np.uint8]) -> None:
    model = write()
    folder = model.parent / "a, b(c),"
    folder.mkdir()
    np.testing.assert_allclose(converted(model.rename(folder / "m.pb"), pixels), network.of_pixels(pixels), atol=1e-5)


@pytest.mark.parametrize(("name", "kind", "value"), [("keep_prob", "float32", 1.0), ("phase_train", "bool", False)])
def test_an_input_that_nothing_feeds_is_named_at_load(write: Any, name: str, kind: str, value: object) -> None:
    def more(tf: Any, x: Any) -> Any:
        return x * tf.cast(tf.compat.v1.placeholder(kind, [], name=name), tf.float32)

    text = refused(write(inside=more))
    assert f"also needs the input '{name}', which receives no value" in text
    assert "keep_prob 1, phase_train false" in text


def test_an_input_with_a_default_may_be_the_image(write: Any, network: Network, pixels: NDArray[np.uint8]) -> None:
    def source(tf: Any) -> Any:
        zeros = np.zeros((1, SIZE, SIZE, 3), np.float32)
        return tf.compat.v1.placeholder_with_default(zeros, [None, SIZE, SIZE, 3], name="input")

    model = write(source=source)
    np.testing.assert_allclose(infer(model, pixels)[0], network.of_pixels(pixels), atol=1e-5)
    np.testing.assert_allclose(converted(model, pixels), network.of_pixels(pixels), atol=1e-5)


def test_another_input_with_a_default_keeps_it(write: Any, network: Network, pixels: NDArray[np.uint8]) -> None:
    def inside(tf: Any, x: Any) -> Any:
        training = tf.compat.v1.placeholder_with_default(False, [], name="phase_train")
        return tf.cond(training, lambda: x * 0.0, lambda: x)

    model = write(inside=inside)
    np.testing.assert_allclose(infer(model, pixels)[0], network.of_pixels(pixels), atol=1e-5)
    np.testing.assert_allclose(converted(model, pixels), network.of_pixels(pixels), atol=1e-5)


def test_batch_normalisation_in_training_mode_is_blamed_on_the_graph(write: Any) -> None:
    def inside(tf: Any, x: Any) -> Any:
        return tf.compat.v1.nn.fused_batch_norm(x, [1.0] * 3, [0.0] * 3, is_training=True, name="norm")[0]

    assert "in training mode: 'norm' (FusedBatchNormV3) takes mean and variance" in refused(write(inside=inside))


def test_batch_normalisation_that_is_built_of_other_operations_is_noticed(write: Any) -> None:
    def inside(tf: Any, x: Any) -> Any:
        mean, variance = tf.nn.moments(x, [0, 1, 2])
        return (x - mean) / tf.sqrt(variance + 1e-3)

    assert "in training mode: its prediction for an image changes by" in refused(write(inside=inside))


def training_norm(tf: Any, x: Any) -> Any:
    return tf.compat.v1.nn.fused_batch_norm(x, [1.0] * 3, [0.0] * 3, is_training=True, name="norm")[0]


def printing(tf: Any, x: Any) -> Any:
    return tf.compat.v1.Print(x, [x], name="show")


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        (lambda tf, x: tf.nn.dropout(x, 0.5, name="drop"), r"in training mode: 'drop.*RandomUniform"),
        (training_norm, r"in training mode: 'norm' \(FusedBatchNormV3\)"),
        (printing, r"its operation 'show' \(Print\) may read or write outside"),
    ],
)
def test_convert_refuses_what_validate_refuses(write: Any, inside: Any, message: str) -> None:
    model = write(inside=inside)
    config = configured(model)
    with pytest.raises(ModelError, match=message):
        convert(config, config.candidates[0])
    assert not (model.parent / "ir.xml").exists()


def test_a_function_that_calls_itself_is_refused(write: Any) -> None:
    def recursive(graph: Any) -> None:
        function = graph.library.function.add()
        function.signature.name = "again"
        node = function.node_def.add(name="call", op="PartitionedCall")
        node.attr["f"].func.name = "again"

    model = write(edit=recursive)
    assert "its function 'again' calls itself" in refused(model)
    config = configured(model)
    with pytest.raises(ModelError, match="its function 'again' calls itself"):
        convert(config, config.candidates[0])


def test_the_cause_of_an_error_while_it_runs_is_shown(write: Any, pixels: NDArray[np.uint8]) -> None:
    def end(tf: Any, y: Any) -> Any:
        return tf.gather(y, [0, 1, 2, 3, 7], axis=1, name="wrong")

    text = refused(write(end=end))
    assert "Graph execution error" not in text
    assert "indices[4] = 7 is not in [0, 5) (in 'wrong')" in text


def test_a_conversion_of_a_loop_without_end_is_ended(write: Any) -> None:
    model = write(inside=endless)
    configured(model)
    done = run_harness("convert", "c.yml", "--set", "reference.timeout_seconds=3", cwd=model.parent)
    assert done.returncode == 3
    assert "has loops, and its conversion took more than 3 s" in done.stderr


def test_batch_normalisation_for_inference_is_fine(write: Any, network: Network, pixels: NDArray[np.uint8]) -> None:
    def inside(tf: Any, x: Any) -> Any:
        ones, zeros = [1.0] * 3, [0.0] * 3
        return tf.compat.v1.nn.fused_batch_norm(x, ones, zeros, zeros, ones, epsilon=1e-12, is_training=False)[0]

    np.testing.assert_allclose(infer(write(inside=inside), pixels)[0], network.of_pixels(pixels), atol=1e-4)


def test_a_live_dropout_is_blamed_on_the_graph_and_may_be_allowed(write: Any, pixels: NDArray[np.uint8]) -> None:
    model = write(inside=lambda tf, x: tf.nn.dropout(x, 0.5, name="drop"))
    text = refused(model)
    assert "in training mode: 'drop" in text
    assert "allow_ops: [RandomUniform]" in text
    infer(model, pixels, allow_ops=("RandomUniform",))


@pytest.mark.parametrize("sides", [(-1, 5, 1, 1), (-1, 5, 1), (1, 1, 1, 5), (5,)])
def test_outputs_with_axes_of_length_one(
    write: Any, network: Network, pixels: NDArray[np.uint8], sides: tuple[int, ...]
) -> None:
    one = sides[0] != -1
    model = write(
        source=lambda tf: tf.compat.v1.placeholder(tf.float32, [1 if one else None, SIZE, SIZE, 3], name="input"),
        end=lambda tf, y: tf.reshape(y, sides),
    )
    found, _ = infer(model, pixels, batch=1 if one else 7)
    np.testing.assert_allclose(found, network.of_pixels(pixels), atol=1e-5)


def test_another_width_is_still_refused(write: Any) -> None:
    assert "has 10 values per image" in refused(
        write(end=lambda tf, y: tf.reshape(tf.concat([y, y], 1), [-1, 10, 1, 1]))
    )


@pytest.mark.parametrize("kind", ["uint8", "int32", "int64"])
def test_an_input_of_whole_numbers(write: Any, network: Network, pixels: NDArray[np.uint8], kind: str) -> None:
    def source(tf: Any) -> Any:
        return tf.compat.v1.placeholder(kind, [None, SIZE, SIZE, 3], name="input")

    def inside(tf: Any, x: Any) -> Any:
        return (tf.cast(x, tf.float32) - np.array(MEAN, np.float32)) / np.array(SCALE, np.float32)

    model, plain = write(source=source, inside=inside), Input(name="input", color="RGB", mean=0, scale=1)
    np.testing.assert_allclose(infer(model, pixels, input=plain)[0], network.of_pixels(pixels), atol=1e-5)
    np.testing.assert_allclose(converted(model, pixels, plain), network.of_pixels(pixels), atol=1e-5)
    assert f"takes {kind}, which cannot hold pixels after mean and scale" in refused(model)
    config = configured(model)
    with pytest.raises(ModelError, match="cannot hold pixels after mean and scale"):
        convert(config, config.candidates[0])


@pytest.mark.parametrize("name", ["harness_pixels", "harness_pixels/pixels", "ReverseV2", "Cast", "GatherV2", "pixels"])
def test_names_that_the_harness_itself_would_use(
    write: Any, network: Network, pixels: NDArray[np.uint8], name: str
) -> None:
    model = write(end=lambda tf, y: tf.identity(y, name=name))
    np.testing.assert_allclose(infer(model, pixels, output=name)[0], network.of_pixels(pixels), atol=1e-5)


@pytest.mark.parametrize("kind", ["fake quantisation", "float16"])
def test_a_graph_with_coarse_rounding_is_converted(
    write: Any, network: Network, pixels: NDArray[np.uint8], kind: str
) -> None:
    def quantised(tf: Any, x: Any) -> Any:
        return tf.quantization.fake_quant_with_min_max_args(x, -3.0, 4.0, num_bits=8)

    def half(tf: Any, x: Any) -> Any:
        return tf.cast(tf.cast(x, tf.float16) * tf.constant(1.0, tf.float16), tf.float32)

    model = write(inside=quantised if kind == "fake quantisation" else half)
    expected, _ = infer(model, pixels)
    np.testing.assert_allclose(converted(model, pixels), expected, atol=5e-3)


def endless(tf: Any, x: Any) -> Any:
    return tf.while_loop(lambda i, y: i < 1, lambda i, y: (i * 1, y), [tf.constant(0), x], name="loop")[1]


def test_a_graph_with_a_loop_is_known_to_have_one(write: Any) -> None:
    facts = facts_of("tensorflow")
    assert not facts.has_loops(write())
    assert facts.has_loops(write(inside=endless))


def test_a_loop_without_end_is_stopped_by_the_time_limit(write: Any, pixels: NDArray[np.uint8]) -> None:
    from harness.backends.opening import open_backend

    model = write(inside=endless)
    wanted = spec(model, isolate=True, timeout_seconds=1.0)
    with open_backend("tensorflow", wanted) as backend, pytest.raises(ModelError, match="did not respond within 1 s"):
        backend.infer(pixels)
