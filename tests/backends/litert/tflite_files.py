"""The tiny network as a LiteRT file, made by TensorFlow's converter."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from tests.conftest import MEAN, SCALE, SIZE, Network


def write_tflite(
    tensorflow: Any,
    path: Path,
    network: Network,
    *,
    batch: int | None = None,
    layout: str = "NHWC",
    element: str = "float32",
) -> Path:
    """``element``: of input and output; an integer type makes the whole model INT8."""
    tf = tensorflow
    sides = [batch, SIZE, SIZE, 3] if layout == "NHWC" else [batch, 3, SIZE, SIZE]

    class Module(tf.Module):  # type: ignore[misc,name-defined]
        @tf.function(input_signature=[tf.TensorSpec(sides, tf.float32, name="input")])  # type: ignore[untyped-decorator]
        def run(self, x: Any) -> dict[str, Any]:
            nhwc = tf.transpose(x, [0, 2, 3, 1]) if layout == "NCHW" else x
            hidden = tf.nn.relu(tf.nn.conv2d(nhwc, network.first[None, None], 1, "SAME"))
            return {"probabilities": tf.nn.softmax(tf.matmul(tf.reduce_mean(hidden, [1, 2]), network.second))}

    module = Module()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        converter = tf.lite.TFLiteConverter.from_concrete_functions([module.run.get_concrete_function()], module)
        if element != "float32":
            generator = np.random.default_rng(3)
            values = generator.integers(0, 256, (64, 1, 1, 1, 3)) * np.ones((1, 1, SIZE, SIZE, 1))
            normalised = ((values - np.array(MEAN)) / np.array(SCALE)).astype(np.float32)
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([each] for each in normalised)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = getattr(tf, element)
        path.write_bytes(converter.convert())
    return path
