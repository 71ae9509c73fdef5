from __future__ import annotations

import numpy as np
import pytest

from harness.backends.observing import Operation
from harness.config import Input
from harness.diagnosis.layers.layer import layers_of
from tests.diagnosis.layers.networks import elementwise, network, weighted

PLAIN = Input(color="BGR")
RANDOM = np.random.default_rng(0)


def test_what_scales_and_shifts_is_folded_up_to_the_first_clip() -> None:
    values = RANDOM.normal(size=(4, 2, 3, 3))
    found = network(
        weighted("conv", values, "x"),
        elementwise("mean", "conv", offset=[-1.0, -2, -3, -4]),
        Operation("same", "Identity", ("mean",), "pass"),
        elementwise("scale", "same", factor=[2.0, 3, 4, 5]),
        elementwise("beta", "scale", offset=[0.5]),
        elementwise("relu", "beta", low=0.0),
        elementwise("six", "relu", high=6.0),
        elementwise("next", "six", factor=[9.0, 9, 9, 9]),
    )
    first, after = layers_of(found, PLAIN)
    assert (first.name, first.point, first.low, first.high) == ("conv", "six", 0.0, 6.0)
    factor = np.array([2.0, 3, 4, 5])
    np.testing.assert_allclose(first.weights, values * factor[:, None, None, None], rtol=1e-6)
    np.testing.assert_allclose(first.bias, [-2 + 0.5, -6 + 0.5, -12 + 0.5, -20 + 0.5])
    assert (after.kind, after.weights.reshape(-1).tolist()) == ("scale", [9.0] * 4)


def test_a_layer_ends_where_its_result_goes_two_ways() -> None:
    found = network(
        weighted("conv", np.ones((2, 2, 1, 1)), "x"),
        elementwise("bias", "conv", offset=[1.0, 2]),
        Operation("sum", "Add", ("conv", "bias")),
    )
    first, bias = layers_of(found, PLAIN)
    assert (first.point, first.bias.tolist()) == ("conv", [0, 0])
    assert (bias.kind, bias.bias.tolist()) == ("scale", [1, 2])


@pytest.mark.parametrize("color", ["RGB", "BGR"])
@pytest.mark.parametrize("inside", [False, True])
def test_a_first_layer_is_one_of_decoded_pixels(color: str, *, inside: bool) -> None:
    """Whatever of order, mean and scale is fed and what is inside: the layer gives what the network gives."""
    values = RANDOM.normal(size=(5, 3, 1, 1))
    mean, scale = np.array([10.0, 20, 30]), np.array([2.0, 3, 4])
    contract = Input.model_validate({"color": color, "mean": tuple(mean), "scale": tuple(scale)})
    before = (
        elementwise("centred", "input", offset=[1.0, 2, 3]),
        Operation("turned", "Gather", ("centred",), "order", order=(2, 0, 1)),
        elementwise("scaled", "turned", factor=[7.0, 8, 9]),
    )
    ways = before if inside else ()
    (first,) = layers_of(network(*ways, weighted("conv", values, "scaled" if inside else "input")), contract)
    assert first.of_pixels

    bgr = np.array([100.0, 150, 200])
    fed = ((bgr[::-1] if color == "RGB" else bgr) - mean) / scale
    if inside:
        fed = (fed + np.array([1, 2, 3]))[[2, 0, 1]] * [7, 8, 9]
    wanted = values.astype(np.float32)[:, :, 0, 0] @ fed
    np.testing.assert_allclose(first.weights[:, :, 0, 0] @ bgr + first.bias, wanted, rtol=1e-9)
