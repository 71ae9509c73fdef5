"""Figures as text, the same in every report. A missing or non-finite figure is "n/a", never a blank or a zero."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeGuard

MISSING = "n/a"
_ROUNDING = 1e-12  # of a difference of two percentages, in pp
_MOST_DIGITS = 17  # enough for any two doubles to differ


def percent(value: float | None, decimals: int = 2) -> str:
    """Return a percentage without its sign: 78.31. What is not quite 0 or 100 is never rounded to it."""
    if not _present(value):
        return MISSING
    text = f"{value:.{decimals}f}"
    while decimals < _MOST_DIGITS and ((float(text) == 100 and value < 100) or (float(text) == 0 and value > 0)):
        decimals += 1
        text = f"{value:.{decimals}f}"
    return text


def signed_pp(value: float | None, decimals: int = 3) -> str:
    """Return a difference in percentage points with its sign, two or three decimals: +0.31, -0.002."""
    if not _present(value):
        return MISSING
    text = _two_decimals_at_least(f"{value:+.{decimals}f}")
    return "0.00" if text in ("+0.00", "-0.00") else text


def change(drop_pp: float | None, limit_pp: float | None = None, unit: str = " pp") -> str:
    """Return a drop (reference minus candidate, pp) as text: "lost 1.23 pp", "gained 0.154 pp", "unchanged".

    ``limit_pp``: the limit that it must not read as, see :func:`distinct`. ``unit``: empty if a column names it.
    """
    if not _present(drop_pp):
        return MISSING
    size = abs(drop_pp)
    if size < _ROUNDING:
        return "unchanged"
    digits = next(count for count in range(3, _MOST_DIGITS) if float(plain_pp(size, count)))
    edge = None if limit_pp is None else abs(limit_pp)
    return f"{'lost' if drop_pp > 0 else 'gained'} {distinct(size, edge, plain_pp, digits)}{unit}"


def plain_pp(value: float | None, decimals: int = 3) -> str:
    """Return a limit in percentage points, without a sign, two or three decimals: 0.10."""
    return _two_decimals_at_least(f"{value:.{decimals}f}") if _present(value) else MISSING


def difference(value: float | None, digits: int = 2) -> str:
    """Return a difference of probabilities with two significant digits: 0.26, 3.5e-06."""
    return format(value, f".{digits}g") if _present(value) else MISSING


def probability(value: float | None) -> str:
    """Return a probability with three decimals: 0.625."""
    return f"{value:.3f}" if _present(value) else MISSING


def loss(value: float | None) -> str:
    """Return a loss of probability with its sign: +0.375; two significant digits below 0.001: +7.6e-06."""
    if not _present(value):
        return MISSING
    if value == 0:
        return "0.000"
    return f"{value:+.3f}" if abs(value) >= 0.001 else f"{value:+.1e}"


def p_value(value: float | None) -> str:
    """Return a p-value: three decimals, or two significant digits below 0.001."""
    if not _present(value):
        return MISSING
    return f"{value:.3f}" if value >= 0.001 or value == 0 else f"{value:.1e}"


def rate(value: float | None) -> str:
    """Return images per second: 290, 45.3."""
    if not _present(value):
        return MISSING
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def milliseconds(value: float | None) -> str:
    """Return a latency in ms without its unit, three significant digits at most: 0.52, 12.4, 1,204."""
    return _three_digits(value) if _present(value) else MISSING


def megabytes(size: int | None) -> str:
    """Return a size given in bytes in MB (10^6 bytes) without its unit, as milliseconds are: 0.52, 13.9."""
    return MISSING if size is None else _three_digits(size / 1e6)


def _three_digits(value: float) -> str:
    decimals = next((places for places, least in ((0, 99.95), (1, 9.995)) if abs(value) >= least), 2)
    text = f"{value:,.{decimals}f}"
    return text if float(text.replace(",", "")) or not value else f"{value:.1g}"


def seconds(value: float | None) -> str:
    """Return a duration: 12.3 s, 4 min 05 s."""
    if not _present(value):
        return MISSING
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s"


def interval(ends: tuple[float, float] | None, form: Callable[[float], str]) -> str:
    """Return an interval in brackets, its ends written by ``form``: [74.99, 81.30]."""
    return MISSING if ends is None else f"[{form(ends[0])}, {form(ends[1])}]"


def count(value: int) -> str:
    """Return a whole number with thousands separated: 50,000."""
    return f"{value:,}"


def plural(value: int, noun: str, many: str | None = None) -> str:
    """Return a number with its noun: 1 image, 2 images."""
    return f"{count(value)} {noun if value == 1 else many or noun + 's'}"


def distinct(value: float | None, limit: float | None, form: Callable[..., str], start: int) -> str:
    """Return ``value`` with enough digits to differ from ``limit``, so that 0.1004 never reads as its limit 0.10.

    ``form(value, digits)`` writes both; ``start`` is its usual number of digits.
    """
    if not _present(value) or not _present(limit) or value == limit:
        return form(value, start)
    shown = form(limit, start)
    texts = (form(value, digits) for digits in range(start, _MOST_DIGITS))
    return next((text for text in texts if text != shown), form(value, start))


def _present(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _two_decimals_at_least(text: str) -> str:
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"
