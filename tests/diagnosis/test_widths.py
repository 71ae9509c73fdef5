"""Outputs that cannot hold the labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.conftest import Network
from tests.diagnosis.conftest import MEAN_BGR, SCALE_BGR, Asked, wanted

Rows = NDArray[np.float32]


def one_class_less(path: Path, network: Network, openvino: Any) -> Path:
    """Write the network without its background class: the softmax is over the other four."""
    from openvino import opset13 as ops

    given = ops.parameter([1, 16, 16, 3], np.float32, name="input")
    given.output(0).get_tensor().set_names({"input"})
    x = ops.divide(ops.subtract(given, np.array(MEAN_BGR, np.float32)), np.array(SCALE_BGR, np.float32))
    hidden = ops.reduce_mean(ops.relu(ops.matmul(x, network.first[::-1], False, False)), np.array([1, 2], np.int32))
    last = ops.softmax(ops.matmul(hidden, network.second[:, 1:], False, False), 1)
    last.output(0).get_tensor().set_names({"Net/Probabilities"})
    openvino.save_model(openvino.Model([ops.result(last)], [given], "four"), str(path), compress_to_fp16=False)
    return path


def test_a_missing_background_class(asked: Asked, network: Network, openvino: Any, tmp_path: Path) -> None:
    path = one_class_less(tmp_path / "four.xml", network, openvino)
    found = asked(candidate={"model": str(path)})
    assert found.cause == "background-class"
    assert "`candidates.ir.background_class: false`" in str(found.mend)
    both = asked(candidate={"model": str(path), **wanted("RGB")})
    assert both.cause == "background-class + color-order"
