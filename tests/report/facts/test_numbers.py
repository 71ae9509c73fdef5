from __future__ import annotations

import math

import pytest

from harness.report.facts import numbers


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_not_available(value: float | None) -> None:
    forms = (numbers.percent, numbers.signed_pp, numbers.plain_pp, numbers.difference, numbers.p_value, numbers.rate)
    assert {
        form(value) for form in (*forms, numbers.seconds, numbers.loss, numbers.probability, numbers.milliseconds)
    } == {"n/a"}
    assert numbers.interval(None, numbers.percent) == "n/a"
    assert numbers.distinct(value, 1.0, numbers.percent, 2) == "n/a"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (78.30769230769231, "78.31"),
        (100.0, "100.00"),
        (0.0, "0.00"),
        (100 * 49_999 / 50_000, "99.998"),  # one image of 50,000 is missing: that is not 100.00
        (100 * 1 / 50_000, "0.002"),
        (100 * 1 / 5_000_000, "0.00002"),
        (99.99, "99.99"),
    ],
)
def test_percent(value: float, text: str) -> None:
    assert numbers.percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (100 / 650, "+0.154"),
        (-100 / 650, "-0.154"),
        (0.1, "+0.10"),
        (0.002, "+0.002"),
        (-13.92, "-13.92"),
        (0.0, "0.00"),
        (-0.0, "0.00"),
        (-0.0001, "0.00"),
    ],
)
def test_signed_pp(value: float, text: str) -> None:
    assert numbers.signed_pp(value) == text


@pytest.mark.parametrize(
    ("drop", "limit", "text"),
    [
        (14.1538, 0.1, "lost 14.154 pp"),
        (14.15, None, "lost 14.15 pp"),
        (-0.153846, 0.1, "gained 0.154 pp"),
        (0.0, 0.1, "unchanged"),
        (-0.0, None, "unchanged"),
        (0.1, 0.1, "lost 0.10 pp"),
        (0.1004, 0.1, "lost 0.1004 pp"),
        (0.0004, None, "lost 0.0004 pp"),  # an image of 250,000 is no zero
        (None, 0.1, "n/a"),
        (float("nan"), None, "n/a"),
        (float("inf"), None, "n/a"),
    ],
)
def test_change(drop: float | None, limit: float | None, text: str) -> None:
    assert numbers.change(drop, limit) == text


@pytest.mark.parametrize(
    ("value", "text"), [(3.5e-6, "3.5e-06"), (0.2612, "0.26"), (0.001, "0.001"), (1.0, "1"), (0.0, "0")]
)
def test_difference(value: float, text: str) -> None:
    assert numbers.difference(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.375, "+0.375"),
        (-0.25, "-0.250"),
        (0.001, "+0.001"),
        (7.6e-6, "+7.6e-06"),
        (-1e-4, "-1.0e-04"),
        (0.0, "0.000"),
    ],
)
def test_loss(value: float, text: str) -> None:
    assert numbers.loss(value) == text
    assert numbers.probability(0.6254) == "0.625"


@pytest.mark.parametrize(("value", "text"), [(1.0, "1.000"), (0.0312, "0.031"), (3.14e-5, "3.1e-05"), (0.0, "0.000")])
def test_p_value(value: float, text: str) -> None:
    assert numbers.p_value(value) == text


@pytest.mark.parametrize(("value", "text"), [(287.4, "287"), (45.34, "45.3"), (0.5, "0.5"), (12345.6, "12,346")])
def test_rate(value: float, text: str) -> None:
    assert numbers.rate(value) == text


@pytest.mark.parametrize(("value", "text"), [(12.345, "12.3 s"), (60.0, "1 min 00 s"), (245.2, "4 min 05 s")])
def test_seconds(value: float, text: str) -> None:
    assert numbers.seconds(value) == text


def test_interval_and_plural() -> None:
    assert numbers.interval((74.978, 81.301), numbers.percent) == "[74.98, 81.30]"
    assert [numbers.plural(n, "image") for n in (0, 1, 50_000)] == ["0 images", "1 image", "50,000 images"]


@pytest.mark.parametrize(
    ("value", "limit", "text"),
    [
        (0.1004, 0.1, "+0.1004"),  # with three decimals it would read as its limit
        (0.100000001, 0.1, "+0.100000001"),
        (0.1, 0.1, "+0.10"),
        (0.154, 0.1, "+0.154"),
        (0.1, None, "+0.10"),
    ],
)
def test_a_value_beyond_its_limit_never_looks_like_it(value: float, limit: float | None, text: str) -> None:
    def form(number: float | None, digits: int) -> str:
        return numbers.signed_pp(number, digits)

    assert numbers.distinct(value, limit, form, 3) == text


def test_a_difference_beyond_its_limit_never_looks_like_it() -> None:
    assert numbers.distinct(0.0010004, 0.001, numbers.difference, 2) == "0.0010004"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.00"),
        (0.0004, "0.0004"),  # never rounded to nothing
        (0.524, "0.52"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (12.62, "12.6"),
        (99.96, "100"),
        (1204.4, "1,204"),
    ],
)
def test_milliseconds(value: float, text: str) -> None:
    assert numbers.milliseconds(value) == text


@pytest.mark.parametrize(("size", "text"), [(None, "n/a"), (0, "0.00"), (13_974_112, "14.0"), (7_012_448, "7.01")])
def test_megabytes(size: int | None, text: str) -> None:
    assert numbers.megabytes(size) == text
