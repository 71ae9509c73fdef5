"""What is said of a search."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.diagnosis.bench import Tamper
from tests.diagnosis.conftest import Asked

Rows = NDArray[np.float32]


def test_what_no_change_explains_is_called_unknown(asked: Asked) -> None:
    generator = np.random.default_rng(0)

    def noise(rows: Rows) -> Rows:
        noisy = rows + generator.uniform(0, 0.2, rows.shape)
        return np.asarray(noisy / noisy.sum(axis=1, keepdims=True), np.float32)

    found = asked(tamper=Tamper(outputs=noise))
    assert (found.verdict, found.cause, found.mend, found.exit_code) == ("unknown", None, None, 5)
    assert "explains it" in found.sentence
    assert found.alternatives
    assert not any(other.equal for other in found.alternatives)


def test_predictions_that_are_no_numbers_are_not_said_to_differ_by_no_number(asked: Asked) -> None:
    found = asked(tamper=Tamper(outputs=lambda rows: np.full_like(rows, np.nan)))
    assert found.verdict == "unknown"
    assert found.sentence.startswith(
        "The candidate ir has no probabilities that can be compared with those of tf on 40"
    )
