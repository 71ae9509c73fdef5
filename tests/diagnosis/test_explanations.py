from __future__ import annotations

import numpy as np

from harness.config import Preprocess
from harness.diagnosis.explanations import Tried
from harness.diagnosis.feedings import Feeding
from harness.diagnosis.readings import AS_CONFIGURED, Read
from harness.diagnosis.trials import Trial


def test_a_typical_difference_is_the_median_over_the_images() -> None:
    trial = Trial((), Feeding(Preprocess(), "BGR", (0.0,) * 3, (1.0,) * 3))
    off = np.array([0.1, 0.9, 0.2])
    tried = Tried(trial, Read(AS_CONFIGURED, np.zeros((3, 2), np.float32), off), ("color-order", "logits"), 3)
    assert (tried.typical, tried.read.largest) == (0.2, 0.9)
    assert tried.cause == "color-order + logits"
    nothing = Tried(trial, Read(AS_CONFIGURED, np.zeros((0, 2), np.float32), np.zeros(0)), (), 0)
    assert (nothing.typical, nothing.cause) == (0.0, "")
