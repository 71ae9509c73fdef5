"""Charts of how a configuration's runs developed: Top-1, drop and throughput, over time and by commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.record.schema import RunRecord
from harness.report.facts import numbers
from harness.report.html.chart_svg import BAD, WIDTH
from harness.report.html.runs import Run
from harness.text import visible

Axis = Literal["time", "commit"]
_SERIES = 6  # colours of the page, --s0 to --s5


@dataclass(frozen=True)
class Trend:
    """A figure that each run has of some models: ``of`` returns (model, value) pairs, ``form`` writes a value."""

    title: str
    unit: str
    of: Callable[[RunRecord], list[tuple[str, float | None]]]
    form: Callable[[float], str]


def _top1(record: RunRecord) -> list[tuple[str, float | None]]:
    return [(part.id, part.top1.percent) for part in record.models if part.top1]


def _drop(record: RunRecord) -> list[tuple[str, float | None]]:
    return [(part.candidate, part.drop.top1_pp) for part in record.comparisons]


def _throughput(record: RunRecord) -> list[tuple[str, float | None]]:
    return [(part.id, part.images_per_second) for part in record.models]


TRENDS = (
    Trend("Top-1", "Top-1 %", _top1, numbers.percent),
    Trend("Top-1 change", "lost, pp (below 0: gained)", _drop, lambda value: numbers.change(value, unit="")),
    Trend("Throughput", "images/s", _throughput, numbers.rate),
)


def trend(runs: Sequence[Run], what: Trend, axis: Axis) -> dict[str, Any] | None:
    """Return a chart of one figure over a configuration's runs; runs whose verdict is not PASS are marked."""
    rows: list[dict[str, Any]] = [
        {
            "model": visible(model),
            "time": run.record.started_utc,
            "commit": run.commit,
            "value": value,
            "good": run.summary.verdict.kind == "pass",
            "tip": f"{run.place}: {visible(model)} {what.form(value)} {what.unit.partition(',')[0]}, "
            f"{run.summary.verdict.word}, {run.commit}",
        }
        for run in runs
        for model, value in what.of(run.record)
        if value is not None
    ]
    if not rows:
        return None
    models = list(dict.fromkeys(visible(part.id) for run in runs for part in run.record.models))
    values = [float(row["value"]) for row in rows]
    margin = max(0.1 * (max(values) - min(values)), 0.02 * max(map(abs, values)), 0.1)
    colors = {
        "field": "model",
        "type": "nominal",
        "scale": {"domain": models, "range": [f"var(--s{place % _SERIES})" for place in range(len(models))]},
        "legend": {"columns": 3},
    }
    x: dict[str, Any] = (
        {
            "field": "time",
            "type": "temporal",
            "scale": {"type": "utc"},
            "axis": {"tickCount": 4, "format": "%b %d, %H:%M"},
            "title": "started (UTC)",
        }
        if axis == "time"
        else {
            "field": "commit",
            "type": "ordinal",
            "sort": None,
            "axis": {"labelAngle": -40},
            "title": "commit, oldest first",
        }
    )
    scale = {"domain": [min(values) - margin, max(values) + margin], "nice": False}
    y = {"field": "value", "type": "quantitative", "scale": scale, "title": what.unit}
    shared = {"x": x, "y": y}
    points = {"description": {"field": "tip"}, **shared}
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "line", "strokeWidth": 2}, "encoding": {**shared, "color": colors}},
        {
            "transform": [{"filter": "datum.good"}],
            "mark": {"type": "circle", "size": 60, "opacity": 1, "aria": True},
            "encoding": {**points, "color": colors},
        },
        {
            "transform": [{"filter": "!datum.good"}],
            "mark": {
                "type": "point",
                "shape": "cross",
                "size": 120,
                "filled": True,
                "fill": BAD,
                "opacity": 1,
                "aria": True,
            },
            "encoding": points,
        },
    ]
    return {"data": {"values": rows}, "width": WIDTH - 50, "height": 200, "layer": layers}
