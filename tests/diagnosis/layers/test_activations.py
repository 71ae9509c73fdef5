from __future__ import annotations

import numpy as np
import pytest

from harness.diagnosis.layers.activations import Difference, Profile, Seen, _as_there, difference, diverging
from harness.diagnosis.layers.activations import is_fed_otherwise as fed_otherwise


def test_the_figures_of_a_difference() -> None:
    wanted = np.array([[3.0, 4.0]], np.float32)
    found = difference(wanted, np.array([[3.0, 4.5]], np.float32))
    assert found.snr_db == pytest.approx(10 * np.log10(25 / 0.25))
    assert found.largest == 0.5
    assert found.cosine == pytest.approx((9 + 18) / (5 * np.hypot(3, 4.5)))
    assert difference(wanted, wanted).snr_db == 200
    assert difference(wanted, np.array([[np.nan, 1]], np.float32)).snr_db == -200


def test_axes_are_put_in_the_candidates_order() -> None:
    values = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    turned = _as_there(values, values.transpose(0, 3, 1, 2))
    assert turned is not None
    assert turned.shape == (2, 5, 3, 4)
    same_sides = np.random.default_rng(0).random((2, 4, 4, 4)).astype(np.float32)
    there = same_sides.transpose(0, 3, 1, 2)
    found = _as_there(same_sides, there)
    assert found is not None
    assert (found == there).all()
    assert _as_there(values, values[:, :2]) is None


def profile(*rows: tuple[float | None, float | None]) -> Profile:
    def seen(snr: float | None) -> Difference | None:
        return None if snr is None else Difference(snr, 1.0, 0.0)

    return Profile(tuple(Seen("a", "b", seen(one), seen(other), None) for one, other in rows), 0.0, 0.0, 1)


@pytest.mark.parametrize(
    ("rows", "kind", "place"),
    [
        ([(130, 140), (20, 140), (18, 140)], "f32", None),  # only inherits
        ([(130, 140), (30, 35), (28, 140)], "f32", 1),
        ([(None, 45), (None, 50), (None, 40), (None, 45)], "narrow", None),
        ([(None, 45), (None, 50), (None, 8), (None, 45)], "narrow", 2),
        ([(None, 25), (None, 18), (None, 12)], "int", None),
        ([(None, 34), (None, 44), (None, 25), (None, 44), (None, 46)], "int", None),
        ([(None, 44), (None, 44), (None, 15), (None, 44), (None, 34), (None, 25)], "int", 2),  # one wrong zero point
        ([(None, 18), (None, 13), (None, 8), (None, 11)], "int", 2),  # all of them calibrated with dark images
        ([(120, None), (115, None), (40, None), (38, None)], "f32", 2),  # where nothing can be cut
        ([(40, None), (35, None), (20, None)], "f32", None),  # wrong from the first on
        ([(None, None), (None, None)], "narrow", None),
    ],
)
def test_the_first_that_diverges(rows: list[tuple[float | None, float | None]], kind: str, place: int | None) -> None:
    assert diverging(profile(*rows), kind) == place


def test_fed_otherwise() -> None:
    assert fed_otherwise(profile((20, 140), (18, 140)), "f32")
    assert fed_otherwise(profile((20, None), (18, None)), "f32")
    assert not fed_otherwise(profile((20, 20), (18, 140)), "f32")
    assert not fed_otherwise(profile((130, 140), (18, 140)), "f32")
