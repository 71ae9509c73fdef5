from __future__ import annotations

from harness.diagnosis.affine import Affine, written

ONE = Affine((10.0, 20.0, 30.0), (2.0, 4.0, 5.0))
OTHER = Affine((1.0, 0.5, -2.0), (0.5, 8.0, 3.0))


def applied(affine: Affine, pixel: tuple[float, ...]) -> list[float]:
    return [(x - m) / s for x, m, s in zip(pixel, affine.mean, affine.scale, strict=True)]


def test_the_inverse_takes_it_back() -> None:
    pixel = (100.0, 7.0, 0.0)
    assert applied(ONE.inverse(), tuple(applied(ONE, pixel))) == list(pixel)


def test_one_after_the_other() -> None:
    pixel = (100.0, 7.0, 0.0)
    # ((100 - 10) / 2 - 1) / 0.5 = 88; ((7 - 20) / 4 - 0.5) / 8 = -0.46875; ((0 - 30) / 5 + 2) / 3 = -4 / 3
    whole = applied(ONE.then(OTHER), pixel)
    assert [round(value, 9) for value in whole] == [88.0, -0.46875, round(-4 / 3, 9)]


def test_another_order_of_channels() -> None:
    assert ONE.ordered("RGB", "BGR") == Affine((30.0, 20.0, 10.0), (5.0, 4.0, 2.0))
    assert ONE.ordered("BGR", "BGR") == ONE


def test_rounding_leaves_what_counts() -> None:
    assert Affine((1e-14, -1e-14, 127.5), (1.0 + 1e-13, 2.0, 3.0)).rounded() == Affine((0.0, 0.0, 127.5), (1, 2, 3))


def test_the_formula_is_as_one_writes_it() -> None:
    assert Affine((0.0,) * 3, (1.0,) * 3).formula == "x"
    assert Affine((-0.5,) * 3, (2.0,) * 3).formula == "(x + 0.5) / 2"
    assert Affine((1.0, 2.0, 3.0), (1.0,) * 3).formula == "x - [1, 2, 3]"


def test_zero_has_no_sign() -> None:
    assert written((-0.0, 1.5, -0.0)) == "[0, 1.5, 0]"
    assert written((-0.0, -0.0, -0.0)) == "0"
