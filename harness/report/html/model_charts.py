"""Charts of whole models: accuracy against the published number, reliability, and Top-1 over the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.record.schema import RunRecord
from harness.report.facts import numbers
from harness.report.facts.per_image import PerImage
from harness.report.html.chart_svg import CANDIDATE, REFERENCE, WIDTH, Spec, colors, dashed, rule
from harness.text import visible

BINS = 15
_STEPS = 160


@dataclass(frozen=True)
class Bin:
    """Images whose Top-1 probability is in one bin: how many, their mean probability, share correct (fractions)."""

    images: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """Non-empty bins, lowest confidence first; ``error``: expected calibration error (fraction), None of nothing."""

    bins: tuple[Bin, ...]
    error: float | None


def calibrate(confidence: NDArray[np.floating], correct: NDArray[np.bool_]) -> Calibration:
    """Return reliability by 15 bins of equal width; an image of exactly a border belongs to the lower bin.

    Source: Guo, Pleiss, Sun, Weinberger (2017), On Calibration of Modern Neural Networks, equations 2 and 3. Raises
    ValueError if the two differ in length.
    """
    if len(confidence) != len(correct):
        raise ValueError(f"{len(confidence)} probabilities for {len(correct)} images")
    finite = np.isfinite(confidence)
    values, right = confidence[finite].astype(np.float64), correct[finite]
    if not len(values):
        return Calibration((), None)
    place = np.clip(np.ceil(values * BINS).astype(int) - 1, 0, BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    sums = np.bincount(place, weights=values, minlength=BINS)
    hits = np.bincount(place, weights=right, minlength=BINS)
    bins = tuple(
        Bin(int(n), float(total / n), float(hit / n)) for n, total, hit in zip(counts, sums, hits, strict=True) if n
    )
    return Calibration(bins, float(np.abs(hits - sums).sum() / len(values)))


def accuracy(record: RunRecord, k: int, published: float | None) -> Spec | None:
    """Return every model's Top-k with its 95 % interval, and the published number as a line."""
    rows: list[dict[str, Any]] = []
    for part in record.models:
        reached = part.top1 if k == 1 else part.top5
        if reached is None or reached.percent is None:
            continue
        low, high = reached.ci95_percent or (reached.percent, reached.percent)
        text = f"{visible(part.id)}: {numbers.percent(reached.percent)} %"
        tip = f"{text} [{numbers.percent(low)}, {numbers.percent(high)}], {reached.correct}/{reached.total}"
        place = {"model": visible(part.id), "role": part.role, "low": low, "high": high, "percent": reached.percent}
        rows.append({**place, "tip": tip, "text": numbers.percent(reached.percent)})
    if not rows:
        return None
    ends = [value for row in rows for value in (row["low"], row["high"])]
    ends += [] if published is None else [published]
    margin = max(0.5, 0.08 * (max(ends) - min(ends)))
    scale = {"domain": [max(0.0, min(ends) - margin), min(100.0, max(ends) + margin)], "zero": False, "nice": False}
    x = {"field": "percent", "type": "quantitative", "scale": scale, "title": f"Top-{k} %", "axis": {"tickCount": 6}}
    y = {"field": "model", "type": "nominal", "sort": None, "title": None, "axis": {"ticks": False, "domain": False}}
    color = colors("role", {"reference": REFERENCE, "candidate": CANDIDATE}, legend=False)
    layers: list[Spec] = [
        {"mark": {"type": "rule", "strokeWidth": 3}, "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}}},
        {
            "mark": {"type": "circle", "size": 90, "opacity": 1, "aria": True},
            "encoding": {"x": x, "description": {"field": "tip"}},
        },
        {
            "mark": {"type": "text", "dx": 6, "dy": -9, "align": "left", "fill": "var(--text)"},
            "encoding": {"x": x, "text": {"field": "text", "type": "nominal"}},
        },
    ]
    if published is not None:
        layers.append(rule("x", published, scale, f"published {numbers.percent(published)}"))
    for layer in layers[:3]:
        layer["encoding"] |= {"y": y, "color": color}
    return {"data": {"values": rows}, "width": WIDTH - 60, "height": {"step": 34}, "layer": layers}


def reliability(models: Sequence[tuple[str, str, Calibration]]) -> Spec | None:
    """Return share correct against confidence; ``models``: (name, role, calibration) of a reference and a candidate."""
    rows = [
        {
            "model": visible(name),
            "x": bin_.confidence,
            "y": bin_.accuracy,
            "images": bin_.images,
            "tip": f"{visible(name)}: confidence {numbers.probability(bin_.confidence)}, "
            f"correct {numbers.probability(bin_.accuracy)}, {numbers.plural(bin_.images, 'image')}",
        }
        for name, _, calibration in models
        for bin_ in calibration.bins
    ]
    if not rows:
        return None
    unit = {"type": "quantitative", "scale": {"domain": [0, 1]}}
    x = {**unit, "field": "x", "title": "confidence: mean Top-1 probability of a bin"}
    y = {**unit, "field": "y", "title": "share correct"}
    painted = {visible(name): REFERENCE if role == "reference" else CANDIDATE for name, role, _ in models}
    shared = {"x": x, "y": y, "color": colors("model", painted)}
    size = {"field": "images", "type": "quantitative", "scale": {"range": [20, 160]}, "legend": None}
    layers: list[Spec] = [
        {
            "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
            "mark": dashed("line"),
            "encoding": {"x": x, "y": y},
        },
        {"mark": {"type": "line", "strokeWidth": 2}, "encoding": shared},
        {
            "mark": {"type": "circle", "opacity": 0.9, "aria": True},
            "encoding": {**shared, "size": size, "description": {"field": "tip"}},
        },
    ]
    return {"data": {"values": rows}, "width": WIDTH - 60, "height": WIDTH - 120, "layer": layers}


def running(images: PerImage, models: Sequence[tuple[str, str]], published: float | None) -> Spec | None:
    """Return Top-1 over the images so far, in the run's order; ``models``: (name, role)."""
    total = len(images)
    if total < 2:
        return None
    places = np.unique(np.linspace(max(1, total // 25), total, _STEPS).astype(int))
    rows = []
    for name, _ in models:
        so_far = np.cumsum(images.correct(name))
        rows += [
            {"model": visible(name), "images": place, "percent": 100 * int(so_far[place - 1]) / place}
            for place in places.tolist()
        ]
    painted = {visible(name): REFERENCE if role == "reference" else CANDIDATE for name, role in models}
    scale = {"zero": False}
    lines = {
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {
            "x": {"field": "images", "type": "quantitative", "title": "images so far", "axis": {"tickCount": 6}},
            "y": {"field": "percent", "type": "quantitative", "scale": scale, "title": "Top-1 % so far"},
            "color": colors("model", painted),
            "strokeDash": {
                "field": "model",
                "type": "nominal",
                "scale": {
                    "domain": list(painted),
                    "range": [[5, 3] if c == REFERENCE else [1, 0] for c in painted.values()],
                },
            },
        },
    }
    ends = [row["percent"] for row in rows]
    near = published is not None and min(ends) - 5 <= published <= max(ends) + 5
    layers = [lines, *([rule("y", published, scale, f"published {numbers.percent(published)}")] if near else [])]
    return {"data": {"values": rows}, "width": WIDTH - 50, "height": 220, "layer": layers}
