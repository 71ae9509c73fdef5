"""Inputs of types that only weights have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import ModelSpec
from harness.backends.openvino.description import describe
from harness.backends.openvino.runner import OpenVINOBackend
from harness.config import Input
from tests.backends.one_backend import OneBackend

ALONE = OneBackend(OpenVINOBackend, ModelSpec("ir", "", Input(name="input", color="RGB", mean=0, scale=1), "out", 4, 5))


@pytest.mark.parametrize("kind", ["u1", "u4", "i4", "nf4", "f8e4m3", "f8e5m2", "u2", "u3", "u6", "f4e2m1"])
def test_an_input_that_holds_no_pixels_is_refused_and_described(openvino: Any, tmp_path: Path, kind: str) -> None:
    ops = openvino.opset13
    if not hasattr(openvino.Type, kind):
        pytest.skip(f"this OpenVINO has no {kind}")
    source = ops.parameter([1, 4, 4, 3], getattr(openvino.Type, kind), name="input")
    source.output(0).get_tensor().set_names({"input"})
    means = ops.reduce_mean(ops.convert(source, "f32"), np.array([1, 2], np.int64))
    answer = ops.matmul(means, np.ones((3, 5), np.float32), False, False)
    answer.output(0).get_tensor().set_names({"out"})
    path = tmp_path / "m.xml"
    openvino.save_model(openvino.Model([ops.result(answer)], [source], "m"), str(path), compress_to_fp16=False)
    assert (
        ALONE.refused(ALONE.spec(path))
        == f"{path}: the input 'input' takes {kind}, not numbers; export the model with an input for pixels"
    )
    assert describe(path).inputs[0].dtype == kind
