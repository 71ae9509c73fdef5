from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.proposing.contracts import Contract
from harness.proposing.probe import Probe
from harness.proposing.protocols import first_protocol
from harness.proposing.sample import Sample
from harness.proposing.trials import LEAST, SHIFTS, Trials, Way

OUTPUTS = np.array([[0.1, 0.7, 0.2], [0.5, 0.5, 0.0], [np.nan, 0.0, 1.0], [0.2, 0.2, 0.6]], np.float32)
WAY = Way(Contract("RGB", (0.0,) * 3, (1.0,) * 3, "plain"), first_protocol(4, 4))


class FakeProbe:
    def __init__(self) -> None:
        self.asked: list[int] = []

    def answers(self, pixels: NDArray[np.uint8], contract: Contract) -> NDArray[np.float32]:
        del contract
        self.asked += pixels[:, 0, 0, 0].tolist()
        return OUTPUTS[pixels[:, 0, 0, 0]]


class FakeSample:
    classes = np.array([0, 1, 1, 2])

    def pixels(self, preprocess: Any, rows: range) -> NDArray[np.uint8]:
        del preprocess
        return np.array(rows, np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)


@pytest.fixture
def probe() -> FakeProbe:
    return FakeProbe()


@pytest.fixture
def trials(probe: FakeProbe) -> Trials:
    return Trials(cast("Probe", probe), cast("Sample", FakeSample()))


def test_a_score_is_the_logarithm_of_the_probability_of_the_class(trials: Trials) -> None:
    """By hand: classes 0, 1, 1, 2; shifted by 1: 1, 2, 2, none; by -1: none, 0, 0, 1."""
    log = np.log
    found = trials.scores(WAY, range(4))
    assert SHIFTS == (0, 1, -1)
    np.testing.assert_allclose(found[:, 0], [log(np.float32(0.1)), log(0.5), log(LEAST), log(np.float32(0.6))])
    np.testing.assert_allclose(found[:, 1], [log(np.float32(0.7)), log(LEAST), 0.0, log(LEAST)])
    np.testing.assert_allclose(found[:, 2], [log(LEAST), log(0.5), log(LEAST), log(np.float32(0.2))])
    assert [trials.seen(WAY, shift)[1].tolist() for shift in SHIFTS] == [
        [False, False, False, True],
        [True, False, True, False],
        [False, True, False, False],  # of equal probabilities the first one is the answer
    ]


def test_no_image_is_run_twice(trials: Trials, probe: FakeProbe) -> None:
    trials.scores(WAY, range(2))
    trials.scores(WAY, range(2))
    assert trials.scores(WAY, range(2, 4)).shape == (2, 3)
    assert probe.asked == [0, 1, 2, 3]
    assert (trials.images, trials.activation) == (4, "none")
