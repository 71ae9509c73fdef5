"""The precision of a graph is read from its operations, and from the switches that change its kernels."""

from __future__ import annotations

from typing import Any

import pytest

from harness.backends.tensorflow.precision import effective_precision


def graph_of(tf: Any, *types: Any) -> Any:
    with tf.Graph().as_default() as graph:
        value = tf.compat.v1.placeholder(types[0], [None, 2])
        for kind in types:
            value = tf.nn.relu(tf.cast(value, kind))
        return graph.as_graph_def()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("float32",), "f32"),
        (("float16",), "f16"),
        (("bfloat16", "float32"), "bf16+f32"),
        (("float32", "float64"), "f32+f64"),
        (("int32",), "unknown"),
    ],
)
def test_the_types_of_the_operations(tensorflow: Any, names: tuple[str, ...], expected: str) -> None:
    assert effective_precision(graph_of(tensorflow, *names), {}) == expected


@pytest.mark.parametrize("name", ["ONEDNN_DEFAULT_FPMATH_MODE", "TF_SET_ONEDNN_FPMATH_MODE"])
def test_a_switch_that_lets_onednn_use_less(tensorflow: Any, name: str) -> None:
    assert effective_precision(graph_of(tensorflow, "float32"), {name: "bf16"}) == "f32 (oneDNN may use bf16)"
    assert effective_precision(graph_of(tensorflow, "float32"), {name: "STRICT"}) == "f32"
    assert effective_precision(graph_of(tensorflow, "float16"), {name: "BF16"}) == "f16"
