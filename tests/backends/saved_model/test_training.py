"""SavedModels with training left in their functions, and inputs that nothing feeds, in TensorFlow and in OpenVINO."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import Backend, ModelSpec, Pixels
from harness.backends.saved_model.runner import SavedModelBackend
from harness.config import Input
from tests.backends.one_backend import OneBackend
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, Network, require

CONTRACT = Input(name="input", color="RGB", mean=MEAN, scale=SCALE)


@pytest.fixture(params=["saved_model", "openvino"])
def alone(request: pytest.FixtureRequest) -> OneBackend:
    kind: type[Backend] = SavedModelBackend
    if request.param == "openvino":
        require("openvino")
        from harness.backends.openvino.runner import OpenVINOBackend

        kind = OpenVINOBackend
    return OneBackend(kind, ModelSpec("m", "", CONTRACT, "out", SIZE, CLASSES + 1))


@pytest.fixture
def write(tensorflow: Any, network: Network, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that saves the network as TensorFlow 1 does; ``source`` makes the input, ``inside`` follows."""
    tf, v1 = tensorflow, tensorflow.compat.v1

    def make(inside: Any = lambda _tf, x: x, source: Any = None, more: Any = None) -> Path:
        with tf.Graph().as_default(), v1.Session() as session:
            x = source(tf) if source else v1.placeholder(tf.float32, [None, SIZE, SIZE, 3], name="x")
            inputs = {"input": x, **(more(tf) if more else {})}
            ready = inside(tf, x) * inputs.get("keep_prob", 1.0)
            hidden = tf.nn.relu(tf.nn.conv2d(ready, network.first[None, None], 1, "SAME"))
            answer = tf.nn.softmax(tf.matmul(tf.reduce_mean(hidden, [1, 2]), tf.constant(network.second)))
            v1.saved_model.simple_save(session, str(tmp_path / "m"), inputs, {"out": answer})
        return tmp_path / "m"

    return make


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_a_live_dropout_is_refused(write: Any, alone: OneBackend) -> None:
    text = alone.refused(alone.spec(write(lambda tf, x: tf.nn.dropout(x, 0.5, name="drop"))))
    assert "in training mode: 'drop" in text
    assert "(RandomUniform) gives different numbers at every call, as a dropout does" in text


def test_batch_norm_in_training_is_refused_also_where_a_batch_of_one_hides_it(write: Any, alone: OneBackend) -> None:
    def inside(tf: Any, x: Any) -> Any:
        return tf.compat.v1.nn.fused_batch_norm(x, [1.0] * 3, [0.0] * 3, is_training=True, name="norm")[0]

    text = alone.refused(alone.spec(write(inside), batch=1))
    assert "in training mode: 'norm' (FusedBatchNormV3) takes mean and variance from the images of each batch" in text


def test_an_input_that_nothing_feeds_is_named(write: Any, alone: OneBackend) -> None:
    text = alone.refused(
        alone.spec(write(more=lambda tf: {"keep_prob": tf.compat.v1.placeholder("float32", [], name="keep_prob")}))
    )
    assert "also needs the input 'keep_prob', which receives no value" in text


def test_an_input_with_a_default_keeps_it(write: Any, alone: OneBackend, network: Network, pixels: Pixels) -> None:
    def more(tf: Any) -> Any:
        return {"keep_prob": tf.compat.v1.placeholder_with_default(np.float32(1), [], name="keep_prob")}

    found = alone.infer(pixels, alone.spec(write(more=more)))
    np.testing.assert_allclose(found, network.of_pixels(pixels), atol=1e-5)
