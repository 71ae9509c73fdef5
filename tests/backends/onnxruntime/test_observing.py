from __future__ import annotations

from pathlib import Path

import pytest

from harness.backends.base import ModelSpec, Pixels
from harness.config import Input
from tests.backends.observed import check
from tests.backends.onnxruntime.onnx_files import write_onnx
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, Network

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed; it is the extra [onnx]")
pytest.importorskip("onnx", reason="onnx is not installed; it is the extra [onnx]")
CONTRACT = Input(name="input", color="RGB", mean=MEAN, scale=SCALE)


@pytest.mark.parametrize("batch", ["n", 2])
def test_what_each_operation_gives(network: Network, pixels: Pixels, tmp_path: Path, batch: int | str) -> None:
    model = write_onnx(tmp_path / "m.onnx", network, batch=batch)
    spec = ModelSpec("onnx", str(model), CONTRACT, "probabilities", SIZE, CLASSES + 1, batch=2)
    check("onnxruntime", spec, network, pixels, slice(None))
