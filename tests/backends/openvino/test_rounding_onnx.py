"""The yardstick `int8` of ONNX files with QuantizeLinear and DequantizeLinear: numpy's rounding and saturation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.backends.openvino.test_rounding import PIXELS, REAL, answers, spec

onnx = pytest.importorskip("onnx")

SCALE = np.float32(2.3)  # of which no pixel is a half: there the libraries differ
WEIGHT_SCALE = np.float32(0.03125)


def written(path: Path, zero_point: np.generic) -> tuple[Path, np.ndarray]:
    """Write a network that stores its input in 8 bits, then multiplies by weights in 8 bits; return these as reals.

    Both as ONNX Runtime's quantisation tool writes them.
    """
    from onnx import TensorProto, helper, numpy_helper

    stored = np.random.default_rng(4).integers(-127, 128, (3, 4)).astype(np.int8)
    constants = {
        "scale": SCALE,
        "zero": zero_point,
        "weights": stored,
        "weight_scale": WEIGHT_SCALE,
        "weight_zero": np.int8(0),
        "flat": np.array([-1, 3], np.int64),
    }
    nodes = [
        helper.make_node("Reshape", ["input", "flat"], ["x"]),
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
        helper.make_node("DequantizeLinear", ["weights", "weight_scale", "weight_zero"], ["w"]),
        helper.make_node("MatMul", ["d", "w"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 1, 1, 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return path, stored.astype(np.float32) * WEIGHT_SCALE


@pytest.mark.parametrize(("kind", "zero_point"), [(np.uint8, 0), (np.uint8, 3), (np.int8, -128), (np.int8, -7)])
def test_its_activations_are_rounded_as_the_file_says_and_its_weights_stay(
    tmp_path: Path, kind: type[np.uint8 | np.int8], zero_point: int
) -> None:
    path, weights = written(tmp_path / "m.onnx", kind(zero_point))
    model = spec(path, 1, 4)
    limits = np.iinfo(kind)
    steps = np.clip(np.rint(REAL / SCALE) + zero_point, limits.min, limits.max)
    rounded = ((steps - zero_point) * SCALE).astype(np.float32)
    kept = np.clip(REAL, (limits.min - zero_point) * SCALE, (limits.max - zero_point) * SCALE)  # saturation stays
    assert not np.array_equal(rounded @ weights, kept @ weights)
    np.testing.assert_allclose(answers(model, PIXELS, "int8", 1), rounded @ weights, rtol=1e-5, atol=1e-3)
    unrounded = answers(model, PIXELS, "int8", 0)
    finest = float(SCALE) / 256 * np.abs(weights).sum(axis=0).max()  # where it cannot be left out, 256 times as fine
    assert min(np.abs(unrounded - each @ weights).max() for each in (REAL, kept)) <= finest


def test_the_rounded_network_answers_as_onnx_runtime_does(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    path, _ = written(tmp_path / "m.onnx", np.uint8(3))
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    wanted = np.concatenate([session.run(None, {"input": row.reshape(1, 1, 1, 3)})[0] for row in REAL])
    np.testing.assert_allclose(answers(spec(path, 1, 4), PIXELS, "int8", 1), wanted, rtol=1e-5, atol=1e-3)
