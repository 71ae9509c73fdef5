"""The profile along a network as a chart: how close each layer of a candidate comes to the original's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.report.html.chart_svg import BAD, CANDIDATE, OTHER, Spec, colors
from harness.text import visible

_WIDTH, _HEIGHT = 640, 220
_ALONE, _INSIDE = "alone", "inside"


@dataclass(frozen=True)
class LayerPoint:
    """One layer: signal to noise in dB, None if it cannot be told; ``named``: whether it is the one that differs."""

    reference: str
    candidate: str
    alone_db: float | None
    inside_db: float | None
    named: bool = False


def layer_profile(points: Sequence[LayerPoint]) -> Spec | None:
    """Return signal to noise along the network, the layers in its order; None if nothing was seen of any."""
    rows = [
        {"layer": place, "db": value, "how": how, "tip": _tip(place, point, how, value)}
        for place, point in enumerate(points, 1)
        for how, value in ((_ALONE, point.alone_db), (_INSIDE, point.inside_db))
        if value is not None
    ]
    if not rows:
        return None
    used = [how for how in (_ALONE, _INSIDE) if any(row["how"] == how for row in rows)]
    x = {
        "field": "layer",
        "type": "quantitative",
        "title": "layer, in the original's order",
        "scale": {"domain": [0.5, len(points) + 0.5], "nice": False},
        "axis": {"tickCount": 8, "tickMinStep": 1, "format": "d"},
    }
    y = {"field": "db", "type": "quantitative", "title": "signal to noise, dB"}
    painted = {how: CANDIDATE if how == _ALONE else OTHER for how in used}
    shared = {"x": x, "y": y, "color": colors("how", painted)}
    layers: list[Spec] = [
        {"mark": {"type": "line", "strokeWidth": 1.5}, "encoding": shared},
        {
            "mark": {"type": "circle", "size": 26, "opacity": 1, "aria": True},
            "encoding": {**shared, "description": {"field": "tip"}},
        },
    ]
    named = [row for row in rows if points[int(str(row["layer"])) - 1].named]
    if named:
        ring = {"type": "point", "size": 160, "strokeWidth": 2, "stroke": BAD, "filled": False}
        layers.append({"data": {"values": named}, "mark": ring, "encoding": {"x": x, "y": y}})
    return {"data": {"values": rows}, "width": _WIDTH, "height": _HEIGHT, "layer": layers}


def _tip(place: int, point: LayerPoint, how: str, value: float) -> str:
    names = dict.fromkeys((visible(point.reference), visible(point.candidate)))
    return f"layer {place}: {' / '.join(names)}: {value:.0f} dB {how}"
