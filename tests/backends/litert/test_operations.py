"""LiteRT models as people have them: random and custom operations, types, outputs and names, wherever they are read."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import Backend, ModelSpec, Pixels
from harness.backends.litert.facts import FACTS
from harness.backends.litert.runner import LiteRTBackend
from harness.config import Input
from tests.backends.one_backend import OneBackend
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, Network, require
from tests.conversion import one_candidate

CONTRACT = Input(name="input", color="RGB", mean=MEAN, scale=SCALE)
PLAIN = Input(name="input", color="RGB", mean=0, scale=1)
Inside = Callable[[Any, Any], Any]


def in_backend(name: str) -> OneBackend:
    kind: type[Backend] = LiteRTBackend
    if name == "openvino":
        require("openvino")
        from harness.backends.openvino.runner import OpenVINOBackend

        kind = OpenVINOBackend
    return OneBackend(kind, ModelSpec("m", "", CONTRACT, "out", SIZE, CLASSES + 1))


@pytest.fixture(params=["litert", "openvino", "convert"])
def way(request: pytest.FixtureRequest) -> str:
    require("ai_edge_litert")
    if request.param == "convert":
        require("openvino")
    return str(request.param)


def answers(way: str, model: Path, pixels: Pixels, contract: Input = CONTRACT) -> Any:
    if way == "convert":
        return one_candidate.answers(one_candidate.configured(model.parent, "litert", model, contract, "out"), pixels)
    alone = in_backend(way)
    return alone.infer(pixels, alone.spec(model, input=contract))


def refused(way: str, model: Path, contract: Input = CONTRACT) -> str:
    if way == "convert":
        return one_candidate.refused(one_candidate.configured(model.parent, "litert", model, contract, "out"))
    alone = in_backend(way)
    return alone.refused(alone.spec(model, input=contract))


@pytest.fixture
def write(tensorflow: Any, network: Network, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the network with a peculiarity."""
    tf = tensorflow

    def make(
        inside: Inside = lambda _tf, x: x,
        end: Inside = lambda _tf, y: y,
        kind: str = "float32",
        batch: int | None = 1,
        custom: bool = False,
    ) -> Path:
        class Module(tf.Module):  # type: ignore[misc,name-defined]
            @tf.function(input_signature=[tf.TensorSpec([batch, SIZE, SIZE, 3], kind, name="input")])  # type: ignore[untyped-decorator]
            def run(self, x: Any) -> dict[str, Any]:
                ready = tf.cast(inside(tf, x), tf.float32)
                hidden = tf.nn.relu(tf.nn.conv2d(ready, network.first[None, None], 1, "SAME"))
                answer = tf.nn.softmax(tf.matmul(tf.reduce_mean(hidden, [1, 2]), network.second))
                return {"out": end(tf, answer)}

        module = Module()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            converter = tf.lite.TFLiteConverter.from_concrete_functions([module.run.get_concrete_function()], module)
            converter.allow_custom_ops = custom
            path = tmp_path / "m.tflite"
            path.write_bytes(converter.convert())
        return path

    return make


def whole(tf: Any, x: Any) -> Any:
    return (tf.cast(x, tf.float32) - np.array(MEAN, np.float32)) / np.array(SCALE, np.float32)


@pytest.mark.parametrize(
    ("draw", "kind"),
    [
        (lambda tf, x: x + tf.random.normal([1, SIZE, SIZE, 3]), "RANDOM_STANDARD_NORMAL"),
        (lambda tf, x: x + tf.random.uniform([1, SIZE, SIZE, 3]), "RANDOM_UNIFORM"),
    ],
)
def test_random_operations_are_refused(write: Any, way: str, draw: Inside, kind: str) -> None:
    text = refused(way, write(draw))
    assert "m.tflite: in training mode: '" in text
    assert f"({kind}) gives different numbers at every call, as a dropout does; export the model for inference" in text


def test_custom_operations_are_refused(write: Any, way: str) -> None:
    def inside(tf: Any, x: Any) -> Any:
        return x * tf.linalg.det(x[:, :2, :2, 0])[:, None, None, None]

    text = refused(way, write(inside, custom=True))
    assert "m.tflite: refused: '" in text
    assert "(MatrixDeterminant) is a custom operation, and no library of custom operations is loaded" in text


def test_moments_of_the_batch_are_noticed_by_numbers(write: Any) -> None:
    text = refused("litert", write(lambda tf, x: x - tf.reduce_mean(x, [0, 1, 2]), batch=2))
    assert "in training mode: its prediction for an image changes by" in text


@pytest.mark.parametrize("kind", ["uint8", "int32", "int64"])
def test_an_input_of_whole_numbers(write: Any, network: Network, pixels: Pixels, way: str, kind: str) -> None:
    model = write(whole, kind=kind)
    np.testing.assert_allclose(answers(way, model, pixels, PLAIN), network.of_pixels(pixels), atol=1e-5)


def test_an_input_of_truth_values(write: Any, way: str) -> None:
    text = refused(way, write(kind="bool"), PLAIN)
    assert "the input 'input' takes bool" in text
    assert text.endswith(", not numbers; export the model with an input for pixels") or "without one scale" in text


@pytest.mark.parametrize("sides", [(1, 5, 1, 1), (1, 5, 1), (5,), (1, 1, 1, 5)])
def test_outputs_with_axes_of_length_one(
    write: Any, network: Network, pixels: Pixels, way: str, sides: tuple[int, ...]
) -> None:
    model = write(end=lambda tf, y: tf.reshape(y, sides))
    np.testing.assert_allclose(answers(way, model, pixels), network.of_pixels(pixels), atol=1e-5)


def test_an_output_of_whole_numbers(write: Any, way: str) -> None:
    text = refused(way, write(end=lambda tf, y: tf.cast(y * 255, tf.int32)))
    assert "without a single scale and zero point; set `output` to the one with the probabilities" in text


def test_loops_are_known(write: Any) -> None:
    def endless(tf: Any, x: Any) -> Any:
        return tf.while_loop(lambda i, y: i < 1, lambda i, y: (i * 1, y), [tf.constant(0), x])[1]

    assert not FACTS.has_loops(write())
    assert FACTS.has_loops(write(endless))
