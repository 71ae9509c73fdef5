from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import ModelSpec, Pixels
from harness.backends.openvino.observing import observe
from harness.backends.openvino.runner import OpenVINOBackend
from harness.config import Input
from tests.backends.observed import check, first_and_second
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, IrMaker, Network


def spec(model: Path, **changes: Any) -> ModelSpec:
    contract = Input(name="input", color="BGR")
    return ModelSpec(
        "ir", str(model), **{"input": contract, "output": None, "size": SIZE, "outputs": CLASSES + 1, **changes}
    )


@pytest.mark.parametrize("batch", [1, 2])
def test_what_each_operation_gives(
    make_ir: IrMaker, network: Network, pixels: Pixels, tmp_path: Path, batch: int
) -> None:
    check("openvino", spec(make_ir(tmp_path / "m.xml", batch=batch)), network, pixels, slice(None, None, -1))


def test_an_input_of_f16(make_ir: IrMaker, network: Network, pixels: Pixels, tmp_path: Path) -> None:
    contract = Input(name="input", color="RGB", mean=MEAN, scale=SCALE)
    model = make_ir(tmp_path / "m.xml", layout="NCHW", color="RGB", inside=False)
    check("openvino", spec(model, input=contract), network, pixels, slice(None))


def test_compressed_weights_are_real_values_with_how_they_are_held(
    openvino: Any, network: Network, tmp_path: Path
) -> None:
    from openvino import opset13 as ops

    given = ops.parameter([1, SIZE, SIZE, 3], np.float32, name="input")
    step = (np.abs(network.first).max(axis=0) / 127).astype(np.float32)
    whole = np.rint(network.first / step).astype(np.int8)
    weights = ops.multiply(ops.convert(ops.constant(whole), "f32"), step)
    pooled = ops.reduce_mean(ops.matmul(given, weights, False, False), np.array([1, 2], np.int32))
    half = ops.convert(ops.constant(network.second.astype(np.float16)), "f32")
    model = openvino.Model([ops.result(ops.softmax(ops.matmul(pooled, half, False, False), 1))], [given], "compressed")
    openvino.save_model(model, str(tmp_path / "m.xml"), compress_to_fp16=False)
    with OpenVINOBackend(spec(tmp_path / "m.xml")) as backend, observe(backend) as observer:
        first, second = (item.weights for item in first_and_second(observer.network.operations))
        assert first is not None
        assert second is not None
        assert first.step is not None
        assert (first.storage, second.storage, second.step) == ("int", "f16", None)
        np.testing.assert_allclose(first.values[:, :, 0, 0], (whole * step).T, rtol=1e-6)
        np.testing.assert_allclose(first.step, step, rtol=1e-5)
        np.testing.assert_array_equal(second.values[:, :, 0, 0], network.second.astype(np.float16).T)
