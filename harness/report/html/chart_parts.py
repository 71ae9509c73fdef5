"""What the charts share: sizes, colours of the page, a line at a limit."""

from __future__ import annotations

from typing import Any

Spec = dict[str, Any]
WIDTH = 400
REFERENCE, CANDIDATE, BAD, GOOD, OTHER = "var(--ref)", "var(--cand)", "var(--bad)", "var(--good)", "var(--other)"


def colors(field: str, names: dict[str, str], *, legend: bool = True) -> Spec:
    """Return a colour by the name in ``field``; ``names``: which colour each has."""
    scale = {"domain": list(names), "range": list(names.values())}
    return {"field": field, "type": "nominal", "scale": scale, **({} if legend else {"legend": None})}


def dashed(mark: str) -> Spec:
    """Return a thin dashed mark for what is no measurement, such as the diagonal."""
    return {"type": mark, "color": "var(--muted)", "strokeDash": [4, 3], "strokeWidth": 1, "aria": False}


def rule(axis: str, value: float | None, scale: Spec, text: str) -> Spec:
    """Return a line across the chart at a value, with its name at the top (or at the left) of it."""
    place: Spec = {axis: {"datum": value, "type": "quantitative", "scale": scale}}
    across = axis == "y"
    label = {"type": "text", "fill": "var(--text)", "align": "right" if across else "left", "baseline": "bottom"}
    where = {"x": "width", "dy": -3} if across else {"y": 0, "dx": 4, "baseline": "top"}
    upright = {} if across else {"dy": -14}
    return {
        "data": {"values": [{}]},
        "layer": [
            {
                "mark": {"type": "rule", "color": "var(--text)", "strokeWidth": 1.5, "strokeDash": [6, 3]},
                "encoding": place,
            },
            {"mark": {**label, **where, **upright}, "encoding": {**place, "text": {"value": text}}},
        ],
    }
