"""Networks rounded to f16, bf16 and 8 bits: what they compute, by numpy's own types and by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.backends.base import ModelSpec
from harness.backends.opening import open_rounded
from harness.config import Input
from harness.errors import ModelError
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, IrMaker, Network

Array = NDArray[np.float32]


def bf16(values: Array) -> Array:
    """Round to bfloat16, half to even, in the bits of f32."""
    bits = values.astype(np.float32).view(np.uint32)
    odd = (bits >> np.uint32(16)) & np.uint32(1)
    return ((bits + np.uint32(0x7FFF) + odd) & np.uint32(0xFFFF0000)).view(np.float32)


def f16(values: Array) -> Array:
    return values.astype(np.float16).astype(np.float32)


def spec(model: Path, size: int, outputs: int, **more: Any) -> ModelSpec:
    return ModelSpec("ir", str(model), Input(color="BGR"), None, size, outputs, **more)


def answers(model: ModelSpec, pixels: NDArray[np.uint8], precision: str, draw: int) -> Array:
    with open_rounded(model, precision, draw) as backend:
        assert backend.loaded.effective_precision == "f32"
        return backend.infer(pixels)


Build = Callable[[Any, Any], Any]


@pytest.fixture
def written(openvino: Any, tmp_path: Path) -> Callable[[Build], Path]:
    """Return a function that writes an IR of 1x1 pixels: ``build`` gets the operations and (1, 3) real values."""

    def write(build: Build) -> Path:
        from openvino import opset13 as ops

        given = ops.parameter([1, 1, 1, 3], np.float32, name="input")
        flat = ops.reshape(given, np.array([1, 3], np.int64), False)
        model = openvino.Model([ops.result(build(ops, flat))], [given], "net")
        openvino.save_model(model, str(tmp_path / "net.xml"), compress_to_fp16=False)
        return tmp_path / "net.xml"

    return write


PIXELS = np.array([[3, 100, 255], [17, 201, 64], [1, 2, 250], [77, 78, 79]], np.uint8).reshape(-1, 1, 1, 3)
REAL = PIXELS.reshape(-1, 3).astype(np.float32)
UNEVEN = np.array([0.3, 1.7, 0.11], np.float32)
POWERS = np.array([[1, 2], [-4, 0], [0.5, 8]], np.float32)  # their halves of steps are known


@pytest.mark.parametrize(("precision", "rounded", "fraction"), [("f16", f16, 10), ("bf16", bf16, 7)])
def test_what_a_layer_reads_is_rounded_and_weights_move_by_half_a_step(
    written: Callable[[Build], Path], precision: str, rounded: Callable[[Array], Array], fraction: int
) -> None:
    """The sum of a layer's inputs by weights of powers of two, which move by at most half of their last place."""
    model = spec(written(lambda ops, x: ops.matmul(ops.relu(x * UNEVEN), POWERS, False, False)), 1, 2)
    read = REAL * UNEVEN
    plain = answers(model, PIXELS, precision, 0)
    np.testing.assert_allclose(plain, read @ POWERS, rtol=1e-6)
    draws = np.array([answers(model, PIXELS, precision, draw) for draw in (1, 2, 3)])
    most = (read * (1 + 2.0**-fraction)) @ np.abs(POWERS) * 2.0 ** -(fraction + 1) * 2
    assert (np.abs(draws - plain) <= most + 1e-4).all()
    assert len(np.unique(draws, axis=0)) == 3
    np.testing.assert_array_equal(answers(model, PIXELS, precision, 2), draws[1])


@pytest.mark.parametrize(("precision", "rounded"), [("f16", f16), ("bf16", bf16)])
def test_activations_are_those_of_the_type_itself(
    written: Callable[[Build], Path], precision: str, rounded: Callable[[Array], Array]
) -> None:
    """Weights of zero do not move, so only the sum and the softmax are left, and what they read."""

    def build(ops: Any, x: Any) -> Any:
        share = ops.divide(x, ops.reduce_max(x, np.array([1], np.int64), keep_dims=True))
        return ops.softmax(ops.add(share, ops.matmul(x, np.zeros((3, 3), np.float32), False, False)), 1)

    model = spec(written(build), 1, 3)
    share = REAL / REAL.max(axis=1, keepdims=True)
    for draw, read in ((0, share), (1, rounded(share))):
        powers = np.exp(read.astype(np.float64))
        wanted = powers / powers.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(answers(model, PIXELS, precision, draw), wanted, atol=1e-6)
    assert np.abs(rounded(share) - share).max() > 5e-5  # so that the two differ


@pytest.mark.parametrize(("precision", "rounded"), [("f16", f16), ("bf16", bf16)])
def test_the_rounding_of_f32_is_that_of_numpy(openvino: Any, precision: str, rounded: Callable[[Array], Array]) -> None:
    from harness.backends.openvino.rounding import _FRACTION, _in_fewer_bits

    given = openvino.opset13.parameter([4096], np.float32)
    node = _in_fewer_bits(openvino, openvino.opset13.relu(given).output(0), _FRACTION[precision])
    model = openvino.Model([openvino.opset13.result(node)], [given])
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    values = np.exp(np.random.default_rng(5).uniform(-9, 9, 4096)).astype(np.float32)
    np.testing.assert_array_equal(compiled([values])[0], rounded(values))


def test_a_quantised_file_shows_its_own_levels(written: Callable[[Build], Path]) -> None:
    """A FakeQuantize of 0..255 in 16 levels is left out at first: 17 apart, rounded to the nearest."""

    def build(ops: Any, x: Any) -> Any:
        levels = ops.fake_quantize(x, np.float32(0), np.float32(255), np.float32(0), np.float32(255), levels=16)
        return ops.matmul(levels, np.eye(3, dtype=np.float32), False, False)

    model = spec(written(build), 1, 3)
    np.testing.assert_allclose(answers(model, PIXELS, "int8", 0), REAL, atol=1e-3)
    np.testing.assert_allclose(answers(model, PIXELS, "int8", 1), np.rint(REAL / 17) * 17, atol=1e-3)


def test_a_change_of_scale_stays_where_levels_are_left_out(written: Callable[[Build], Path]) -> None:
    def build(ops: Any, x: Any) -> Any:
        levels = ops.fake_quantize(x, np.float32(0), np.float32(255), np.float32(0), np.float32(510), levels=16)
        return ops.matmul(levels, np.eye(3, dtype=np.float32), False, False)

    model = spec(written(build), 1, 3)
    np.testing.assert_allclose(answers(model, PIXELS, "int8", 0), 2 * REAL, atol=2 * 17 / 256)
    np.testing.assert_allclose(answers(model, PIXELS, "int8", 1), np.rint(REAL / 17) * 34, atol=1e-3)


def test_any_other_file_is_rounded_to_8_bits(written: Callable[[Build], Path]) -> None:
    """Weights by output channel in steps of a 127th of the largest, activations in 255ths of an image's range."""
    weights = np.random.default_rng(2).normal(size=(3, 4)).astype(np.float32)
    model = spec(written(lambda ops, x: ops.matmul(ops.subtract(x, np.float32(90)), weights, False, False)), 1, 4)
    read = REAL - 90
    np.testing.assert_allclose(answers(model, PIXELS, "int8", 0), read @ weights, rtol=1e-4, atol=1e-3)
    step = np.abs(weights).max(axis=0) / 127
    low, high = read.min(axis=1, keepdims=True).clip(max=0), read.max(axis=1, keepdims=True).clip(min=0)
    levels = (high - low) / 255
    wanted = (np.rint(read / levels) * levels) @ (np.rint(weights / step) * step)
    np.testing.assert_allclose(answers(model, PIXELS, "int8", 1), wanted, rtol=1e-4, atol=1e-2)


def test_a_whole_network_keeps_its_contract(make_ir: IrMaker, network: Network, tmp_path: Path) -> None:
    """Unrounded it is the network as numpy follows it; rounded it is another one by as much as the type is coarse."""
    model = spec(make_ir(tmp_path / "tiny.xml"), SIZE, CLASSES + 1, batch=1)
    pixels = np.random.default_rng(4).integers(0, 256, (6, SIZE, SIZE, 3), np.uint8)
    wanted = network.of_pixels(pixels)
    np.testing.assert_allclose(answers(model, pixels, "f16", 0), wanted, atol=1e-5)
    off = {name: np.abs(answers(model, pixels, name, 1) - wanted).max() for name in ("f16", "bf16", "int8")}
    assert 1e-6 < off["f16"] < off["bf16"] < 0.1
    assert 1e-5 < off["int8"] < 0.1
    assert len(MEAN) == len(SCALE) == 3


def test_what_cannot_be_rounded_says_so(written: Callable[[Build], Path], tmp_path: Path) -> None:
    bare = spec(written(lambda ops, x: ops.softmax(x, 1)), 1, 3)
    with pytest.raises(ModelError, match="has no convolution or matrix product"):
        answers(bare, PIXELS, "f16", 1)
    (tmp_path / "model.pt2").write_bytes(b"")
    with pytest.raises(ModelError, match=r"ir: rounding to int8 works on a model that OpenVINO reads, not on "):
        answers(spec(tmp_path / "model.pt2", 1, 3), PIXELS, "int8", 1)
