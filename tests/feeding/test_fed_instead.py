"""What is fed must give, through the true normalisation inside the IR, the wrong one: held against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.config import Input
from harness.config.color import Triple
from harness.feeding.contract import fed_instead

TRUE = Input(name="input", color="RGB", mean=(120.0, 110.0, 100.0), scale=(60.0, 50.0, 40.0))
PIXEL_RGB = np.array([200.0, 30.0, 90.0])


def through_the_ir(contract: Input, fed: Input) -> NDArray[np.float64]:
    """What the network sees, in RGB, when an IR of the true ``contract`` is fed as ``fed`` says."""
    pixel = PIXEL_RGB if fed.color == "RGB" else PIXEL_RGB[::-1]
    entered = (pixel - np.array(fed.mean_per_channel)) / np.array(fed.scale_per_channel)
    own = entered * np.array(contract.scale_per_channel) + np.array(contract.mean_per_channel)
    own = own if fed.color == "RGB" else own[::-1]
    return np.asarray((own - np.array(TRUE.mean_per_channel)) / np.array(TRUE.scale_per_channel))


@pytest.mark.parametrize(
    "contract",
    [
        Input(name="input", color="BGR"),
        Input(name="input", color="RGB"),
        Input(name="input", color="RGB", mean=TRUE.mean, scale=TRUE.scale),
        Input(name="input", color="BGR", mean=(100.0, 110.0, 120.0), scale=(40.0, 50.0, 60.0)),
    ],
    ids=["all inside, BGR", "all inside, RGB", "all outside, RGB", "all outside, BGR"],
)
@pytest.mark.parametrize(
    ("mean", "scale"),
    [((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)), ((0.0, 0.0, 0.0), (255.0,) * 3), ((123.0, 116.0, 103.0), (58.0, 57.0, 56.0))],
)
def test_the_network_sees_the_wrong_normalisation(contract: Input, mean: Triple, scale: Triple) -> None:
    fed = fed_instead(contract, TRUE, mean, scale)
    assert fed.color == contract.color
    wanted = (PIXEL_RGB - np.array(mean)) / np.array(scale)
    np.testing.assert_allclose(through_the_ir(contract, fed), wanted, rtol=1e-12)


def test_the_true_normalisation_changes_nothing() -> None:
    contract = Input(name="input", color="BGR")
    fed = fed_instead(contract, TRUE, TRUE.mean_per_channel, TRUE.scale_per_channel)
    np.testing.assert_allclose(fed.mean_per_channel, (0, 0, 0), atol=1e-12)
    np.testing.assert_allclose(fed.scale_per_channel, (1, 1, 1), rtol=1e-12)
