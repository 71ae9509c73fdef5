from __future__ import annotations

import pytest

from harness.config.color import Triple
from harness.diagnosis.affine import Affine
from harness.diagnosis.answer import CAUSES
from harness.diagnosis.mixtures import cause_of, mixtures

MEAN: Triple = (127.5,) * 3
SCALE: Triple = (127.5,) * 3


def seen(mean: Triple, scale: Triple) -> dict[tuple[Triple, Triple], str]:
    """Return the cause of each mean and scale that is tried."""
    found = {}
    for change in mixtures(mean, scale):
        assert change.normalisation is not None
        found[change.normalisation(mean, scale)] = change.cause
    return found


def test_causes_are_documented_and_the_own_pair_is_not_tried() -> None:
    found = seen(MEAN, SCALE)
    assert set(found.values()) == {"other-mean", "other-scale", "other-mean-and-scale"} <= set(CAUSES)
    assert (MEAN, SCALE) not in found


@pytest.mark.parametrize(
    ("mean", "scale", "cause"),
    [
        (128.0, 127.5, "other-mean"),
        (127.5, 128.0, "other-scale"),
        (127.5, 255.0, "other-scale"),  # pixels in [-0.5, 0.5]
        (0.5, 255.0, "other-mean-and-scale"),
        (0.0, 256.0, "other-mean-and-scale"),
        (-127.5, 127.5, "other-mean"),  # added
    ],
)
def test_what_people_write_is_among_them(mean: float, scale: float, cause: str) -> None:
    assert seen(MEAN, SCALE)[(mean,) * 3, (scale,) * 3] == cause


def test_means_in_the_order_of_the_other_colours() -> None:
    blue_first = (103.939, 116.779, 123.68)
    assert seen((123.68, 116.779, 103.939), (1.0,) * 3)[blue_first, (1.0,) * 3] == "other-mean"


def test_the_cause_says_which_of_the_two_differs() -> None:
    own = Affine(MEAN, SCALE)
    assert cause_of(own, Affine((1.0,) * 3, SCALE)) == "other-mean"
    assert cause_of(own, Affine(MEAN, (1.0,) * 3)) == "other-scale"
    assert cause_of(own, Affine((1.0,) * 3, (1.0,) * 3)) == "other-mean-and-scale"
