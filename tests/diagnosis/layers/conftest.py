"""A small network with what real ones have: convolutions, batch norms, ReLU6, a skip and a dense layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.backends.base import ModelSpec
from harness.config import Input
from harness.diagnosis.layers.search import Side

SIZE, CLASSES = 16, 5
MEAN, SCALE = (120.0, 110.0, 100.0), (60.0, 50.0, 40.0)


@dataclass(frozen=True)
class Small:
    """The network as a graph that wants RGB, mean and scale, and as an IR that wants BGR and has them inside."""

    reference: Side
    candidate: Side

    @property
    def ir(self) -> Path:
        return Path(self.candidate.spec.model)

    def another(self, model: Path, **changes: Any) -> Side:
        """Return another file as the candidate."""
        return replace(self.candidate, spec=replace(self.candidate.spec, model=str(model), **changes))


def _side(backend: str, model: Path, contract: Input, pixels: NDArray[np.uint8], output: str | None) -> Side:
    spec = ModelSpec(id=backend, model=str(model), input=contract, output=output, size=SIZE, outputs=CLASSES)
    return Side(backend, spec, pixels)


@pytest.fixture(scope="session")
def small(tensorflow: Any, openvino: Any, tmp_path_factory: pytest.TempPathFactory) -> Small:
    folder = tmp_path_factory.mktemp("small")
    graph, ir = folder / "small.pb", folder / "small.xml"
    graph.write_bytes(graph_of(tensorflow))
    convert(openvino, graph, ir, SIZE, MEAN, SCALE)
    pixels = np.random.default_rng(3).integers(0, 256, (3, SIZE, SIZE, 3)).astype(np.uint8)
    return Small(
        _side("tensorflow", graph, Input(name="input", color="RGB", mean=MEAN, scale=SCALE), pixels, "Net/Softmax"),
        _side("openvino", ir, Input(color="BGR", mean=0.0, scale=1.0), pixels, None),
    )


def graph_of(tf: Any, *, epsilon: float = 0.001) -> bytes:
    """Return the network as a frozen graph. ``epsilon``: of its batch norms, whose variances are 0.5 to 2."""
    random = np.random.default_rng(5)

    def normal(*shape: int) -> NDArray[np.float32]:
        return random.normal(size=shape).astype(np.float32)

    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [None, SIZE, SIZE, 3], name="input")

        def normalised(x: Any, channels: int, name: str) -> Any:
            around = random.uniform(0.5, 2.0, (2, channels)).astype(np.float32)
            shift = normal(channels)
            moments = 0.1 * normal(channels), around[1]
            return tf.compat.v1.nn.fused_batch_norm(
                x, around[0], shift, *moments, epsilon=epsilon, is_training=False, name=f"{name}/bn"
            )[0]

        def convolution(x: Any, kernel: Any, stride: int, name: str) -> Any:
            made = tf.nn.conv2d(x, kernel, stride, "SAME", name=f"{name}/conv")
            return normalised(made, kernel.shape[3], name)

        x = tf.nn.relu6(convolution(x, normal(3, 3, 3, 8) / 3, 2, "first"), name="first/relu")
        skip = x
        deep = tf.nn.depthwise_conv2d(x, normal(3, 3, 8, 1) / 3, [1, 1, 1, 1], "SAME", name="deep/conv")
        x = tf.nn.relu6(normalised(deep, 8, "deep"), name="deep/relu")
        x = convolution(x, normal(1, 1, 8, 8) / 2, 1, "project")
        x = tf.add(x, skip, name="add")
        x = tf.nn.relu6(convolution(x, normal(1, 1, 8, 12) / 2, 1, "last"), name="last/relu")
        logits = tf.nn.bias_add(
            tf.matmul(tf.reduce_mean(x, [1, 2]), normal(12, CLASSES) / 5, name="dense"), normal(CLASSES)
        )
        tf.nn.softmax(logits, name="Net/Softmax")
        return bytes(graph.as_graph_def().SerializeToString())


def convert(ov: Any, graph: Path, ir: Path, size: int, mean: Sequence[float], scale: Sequence[float]) -> None:
    """Convert as the harness does: mean and scale (RGB) and the order of the channels go inside."""
    from openvino.preprocess import ColorFormat, PrePostProcessor

    model = ov.Core().read_model(str(graph))
    model.reshape([1, size, size, 3])
    processor = PrePostProcessor(model)
    source = processor.input()
    source.tensor().set_element_type(ov.Type.f32).set_layout(ov.Layout("NHWC")).set_color_format(ColorFormat.BGR)
    source.model().set_layout(ov.Layout("NHWC"))
    source.preprocess().convert_color(ColorFormat.RGB).mean(list(mean)).scale(list(scale))
    ov.save_model(processor.build(), str(ir), compress_to_fp16=False)
