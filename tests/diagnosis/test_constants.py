"""Means and scales that stand in no list, in the constants of a file whose own mean and scale are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import MEAN, SCALE, Network
from tests.diagnosis.conftest import Asked, wanted


def with_inside(
    path: Path, network: Network, openvino: Any, mean: Any, scale: Any, *, weights: float = 1.0, order: str = "BGR"
) -> dict[str, Any]:
    """Return the keys of a candidate that does ``(x - mean) / scale`` itself, both RGB. ``order``: of its pixels."""
    from openvino import opset13 as ops

    step = -1 if order == "BGR" else 1
    given = ops.parameter([1, 16, 16, 3], np.float32, name="input")
    given.output(0).get_tensor().set_names({"input"})
    inside = [np.array(values, np.float32)[::step] for values in (mean, scale)]
    x = ops.divide(ops.subtract(given, inside[0]), inside[1])
    first = np.ascontiguousarray(weights * network.first[::step], np.float32)
    hidden = ops.reduce_mean(ops.relu(ops.matmul(x, first, False, False)), np.array([1, 2], np.int32))
    last = ops.softmax(ops.matmul(hidden, network.second, False, False), 1)
    last.output(0).get_tensor().set_names({"Net/Probabilities"})
    openvino.save_model(openvino.Model([ops.result(last)], [given], "net"), str(path), compress_to_fp16=False)
    return {"model": str(path)}


@pytest.mark.parametrize(
    ("mean", "scale", "cause"),
    [
        ((71.0, MEAN[1], MEAN[2]), SCALE, "other-mean"),
        (MEAN, (SCALE[0], 33.0, SCALE[2]), "other-scale"),
        ((MEAN[0], MEAN[1], 0.0), (SCALE[0], SCALE[1], 1.0), "other-mean-and-scale"),
    ],
)
def test_a_wrong_channel_is_read_from_the_file(
    asked: Asked, network: Network, openvino: Any, tmp_path: Path, mean: Any, scale: Any, cause: str
) -> None:
    found = asked(candidate=with_inside(tmp_path / "x.xml", network, openvino, mean, scale))
    assert (found.verdict, found.cause) == ("found", cause), found.sentence
    assert found.evidence["max_abs_diff_after"] < 1e-4
    numbers = mean if cause == "other-mean" else scale
    assert f"[{', '.join(f'{value:.6g}' for value in numbers)}]" in found.sentence


def test_together_with_the_wrong_order_of_channels(
    asked: Asked, network: Network, openvino: Any, tmp_path: Path
) -> None:
    """The file expects RGB and is fed BGR."""
    candidate = with_inside(tmp_path / "x.xml", network, openvino, (71.0, 64.0, 91.0), SCALE, order="RGB")
    found = asked(candidate={**candidate, **wanted("BGR")})
    assert (found.verdict, found.cause) == ("found", "color-order + other-mean"), found.sentence
    assert "(x - [71, 64, 91])" in found.sentence


def test_a_scale_with_a_cause_of_its_own_keeps_it(
    asked: Asked, network: Network, openvino: Any, tmp_path: Path
) -> None:
    """Together with the wrong order of channels it would be found by two changes, too, but later."""
    candidate = with_inside(tmp_path / "x.xml", network, openvino, MEAN, (1.0, 1.0, 1.0), order="RGB")
    found = asked(candidate={**candidate, **wanted("BGR")})
    assert (found.verdict, found.cause) == ("found", "color-order + scale-missing"), found.sentence


def test_a_first_layer_whose_weights_are_scaled_is_a_layer(
    asked: Asked, network: Network, openvino: Any, tmp_path: Path
) -> None:
    """Its file does the right mean and scale, so that no other scale explains it."""
    found = asked(candidate=with_inside(tmp_path / "x.xml", network, openvino, MEAN, SCALE, weights=1.3))
    assert (found.verdict, found.cause) == ("found", "layer"), found.sentence
    assert "times 1.3" in found.sentence
