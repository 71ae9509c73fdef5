"""The precision of a graph is read from its operations, and from the switches that change its kernels."""

from __future__ import annotations

from typing import Any

import pytest

from harness.backends.tensorflow.precision import effective_precision


def graph_of(tf: Any, *types: Any) -> Any:
    with tf.Graph().as_default() as graph:
        value = tf.compat.v1.placeholder(types[0], [None, 2], name="input")
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
    assert effective_precision(graph_of(tensorflow, *names), "input", {}) == expected


@pytest.mark.parametrize("name", ["ONEDNN_DEFAULT_FPMATH_MODE", "TF_SET_ONEDNN_FPMATH_MODE"])
def test_a_switch_that_lets_onednn_use_less(tensorflow: Any, name: str) -> None:
    assert effective_precision(graph_of(tensorflow, "float32"), "input", {name: "bf16"}) == "f32 (oneDNN may use bf16)"
    assert effective_precision(graph_of(tensorflow, "float32"), "input", {name: "STRICT"}) == "f32"
    assert effective_precision(graph_of(tensorflow, "float16"), "input", {name: "BF16"}) == "f16"


def test_weights_that_are_only_stored_in_a_smaller_type_do_not_count(tensorflow: Any) -> None:
    tf = tensorflow
    with tf.Graph().as_default() as graph:
        source = tf.compat.v1.placeholder(tf.float32, [None, 2], name="input")
        stored = tf.constant([[0.5, 1.0], [2.0, 3.0]], tf.float16)
        tf.matmul(source, tf.cast(stored, tf.float32))
    assert effective_precision(graph.as_graph_def(), "input", {}) == "f32"


def test_a_detour_through_a_smaller_type_counts(tensorflow: Any) -> None:
    tf = tensorflow
    with tf.Graph().as_default() as graph:
        source = tf.compat.v1.placeholder(tf.float32, [None, 2], name="input")
        tf.nn.relu(tf.cast(tf.cast(source, tf.bfloat16), tf.float32))
    assert effective_precision(graph.as_graph_def(), "input", {}) == "bf16+f32"


def test_quantised_operations_count(tensorflow: Any) -> None:
    tf = tensorflow
    with tf.Graph().as_default() as graph:
        source = tf.compat.v1.placeholder(tf.float32, [None, 2], name="input")
        packed, low, high = tf.quantization.quantize(source, 0.0, 1.0, tf.quint8)
        tf.quantization.dequantize(packed, low, high)
    assert effective_precision(graph.as_graph_def(), "input", {}) == "int8+f32"


def test_operations_inside_a_called_function_count(tensorflow: Any) -> None:
    tf = tensorflow

    def inner(values: Any) -> Any:
        return tf.cast(tf.nn.relu(tf.cast(values, tf.float16)), tf.float32)

    with tf.Graph().as_default() as graph:
        tf.function(inner)(tf.compat.v1.placeholder(tf.float32, [None, 2], name="input"))
    graph_def = graph.as_graph_def()
    assert any(function.signature.name for function in graph_def.library.function)
    assert effective_precision(graph_def, "input", {}) == "f16+f32"
