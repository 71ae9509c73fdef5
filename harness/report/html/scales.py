"""A gate's measured value against its limit as places on a scale, in percent of its width."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.record.schema import GatePart
from harness.report.facts import gates
from harness.report.facts.gates import Measurement

_SMALLEST = 1e-9  # smaller values, 0 above all, are drawn at the left end of a logarithmic scale


@dataclass(frozen=True)
class Scale:
    """Percent of the width: where the marker and the limit stand, and the stretch that passes (start, width).

    ``origin``: where 0 stands, on scales that reach both sides of it. ``name``: what kind of scale it is, with the
    values at its ends in ``low_text`` and ``high_text``.
    """

    label: str
    measured_text: str
    limit_text: str
    marker: float
    limit: float
    pass_start: float
    pass_width: float
    origin: float | None
    beyond: bool
    floor: bool
    name: str
    low_text: str
    high_text: str


def scales(gate: GatePart) -> list[Scale]:
    """Return a scale for every measured value of the gate that has a limit; none if nothing was measured."""
    return [_scale(figure) for figure in gates.measurements(gate)]


def _scale(figure: Measurement) -> Scale:
    floor = figure.direction == "at_least"
    if figure.unit == "pp":
        low, high = _around_zero(figure)
        marker, limit = (_linear(value, low, high) for value in (figure.measured, figure.limit))
        origin: float | None = _linear(0, low, high)
        name, ends = "pp, linear", (f"gained {high:.2g}", f"lost {high:.2g}")
    elif figure.unit == "%":
        low, high = _near(figure)
        marker, limit, origin = _linear(figure.measured, low, high), _linear(figure.limit, low, high), None
        name, ends = "%, linear", (f"{low:.1f}", f"{high:.1f}")
    else:
        low, high = _decades(figure)
        marker, limit, origin = _log(figure.measured, low, high), _log(figure.limit, low, high), None
        name, ends = "log scale", (f"{10**low:.0e}", f"{10**high:.2g}")
    start, width = (limit, 100 - limit) if floor else (0.0, limit)
    return Scale(
        label=figure.label,
        measured_text=figure.measured_text,
        limit_text=figure.limit_text,
        marker=round(marker, 2),
        limit=round(limit, 2),
        pass_start=round(start, 2),
        pass_width=round(width, 2),
        origin=None if origin is None else round(origin, 2),
        beyond=figure.is_beyond,
        floor=floor,
        name=name,
        low_text=ends[0],
        high_text=ends[1],
    )


def _around_zero(figure: Measurement) -> tuple[float, float]:
    span = max(abs(figure.measured) * 1.15, abs(figure.limit) * 2.5, 1e-6)
    return -span, span


def _near(figure: Measurement) -> tuple[float, float]:
    """Return a stretch of percent around both values, wide enough that a tenth of a point does not look large."""
    low, high = sorted((figure.measured, figure.limit))
    margin = max(1.0, 0.35 * (high - low))
    return min(low, max(0.0, low - margin)), max(high, min(100.0, high + margin))


def _decades(figure: Measurement) -> tuple[float, float]:
    limit = max(figure.limit, _SMALLEST)
    low = min(1e-8, limit / 100, figure.measured if figure.measured > 0 else limit)
    return math.log10(max(low, _SMALLEST)), math.log10(max(1.0, limit * 10, figure.measured))


def _linear(value: float, low: float, high: float) -> float:
    return 100 * (value - low) / (high - low)


def _log(value: float, low: float, high: float) -> float:
    return _linear(min(max(math.log10(max(value, _SMALLEST)), low), high), low, high)
