"""A reference or labels that are what is wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.diagnosis.bench import Tamper
from tests.conftest import MEAN, SCALE
from tests.diagnosis.conftest import Asked, wanted

Rows = NDArray[np.float32]


def test_the_labels_are_shifted(asked: Asked) -> None:
    found = asked(tamper=Tamper(labels=lambda labels: (labels - 1 + 1) % 4 + 1))
    assert (found.verdict, found.cause) == ("found", "labels")
    assert str(found.mend).startswith("Subtract 1 from every class of the list")
    assert str(found.mend).endswith("trust: true}.")
    assert found.sentence.endswith(f". {found.mend}")


def test_the_labels_and_the_candidate_are_both_wrong(asked: Asked) -> None:
    found = asked(candidate=wanted("RGB"), tamper=Tamper(labels=lambda labels: labels % 4 + 1))
    assert found.cause == "labels + color-order"
    assert "`candidates.ir.input.color: BGR`" in str(found.mend)


def test_the_reference_is_the_wrong_one(asked: Asked) -> None:
    """Its colours are swapped; the candidate is right on more images, and says how the reference is to be fed."""
    found = asked(reference={"input": {"name": "input", "color": "BGR", "mean": list(MEAN), "scale": list(SCALE)}})
    assert found.cause == "reference-input"
    assert "`reference.input.color: RGB`" in str(found.mend)


def test_both_fed_wrongly_are_told_by_their_accuracy(asked: Asked) -> None:
    found = asked(
        reference={"input": {"name": "input", "color": "BGR", "mean": list(MEAN), "scale": list(SCALE)}},
        candidate=wanted("RGB"),
    )
    assert found.cause == "reference-input"
    assert "and so does the candidate" in found.sentence
