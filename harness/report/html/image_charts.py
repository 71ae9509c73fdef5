"""Charts of images and classes: how far probabilities moved, and where. All numbers are counted here, not by Vega."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.report.facts import numbers
from harness.report.facts.class_changes import ClassChange
from harness.report.facts.class_names import Namer
from harness.report.facts.per_image import BROKEN, CHANGED, FIXED, PerImage
from harness.report.html.chart_svg import BAD, CANDIDATE, GOOD, OTHER, WIDTH, Spec, colors, dashed, rule
from harness.text import visible

_KINDS = {BROKEN: ("broken", BAD), FIXED: ("fixed", GOOD), CHANGED: ("changed, both wrong", OTHER)}
_BINS_A_DECADE = 4
_SMALLEST_DECADE = -9.0
_GRID = 40
_POINTS = 150  # flips drawn one by one; a chart of more is a cloud and a large file


def differences(values: NDArray[Any], limit: float | None) -> Spec | None:
    """Return how many images differ by how much: the largest difference of a probability, by quarters of a decade."""
    known = values[np.isfinite(values)].astype(np.float64)
    if not len(known):
        return None
    with np.errstate(divide="ignore"):
        decades = np.maximum(np.log10(known), _SMALLEST_DECADE)
    places = np.floor(decades * _BINS_A_DECADE + 1e-9).astype(int)
    rows = []
    for place, count in zip(*np.unique(places, return_counts=True), strict=True):
        low, high = 10 ** (place / _BINS_A_DECADE), 10 ** ((place + 1) / _BINS_A_DECADE)
        tip = f"{numbers.plural(int(count), 'image')} from {numbers.difference(low)} to {numbers.difference(high)}"
        side = "beyond" if limit is not None and low >= limit * 0.999 else "within"
        rows.append({"low": low, "high": high, "images": int(count), "side": side, "tip": tip})
    ends = [rows[0]["low"], rows[-1]["high"], 1.0, *([limit] if limit else [])]
    scale = {"type": "log", "domain": [min(ends), max(ends)], "nice": False}
    first, last = math.floor(math.log10(min(ends))), math.ceil(math.log10(max(ends)))
    decades_shown = [10.0**power for power in range(first, last + 1, 1 if last - first < 7 else 2)]
    x = {"field": "low", "type": "quantitative", "scale": scale, "title": "max |Δp| of an image (log scale)"}
    bars = {
        "mark": {"type": "rect", "aria": True, "stroke": "var(--card)", "strokeWidth": 1},
        "encoding": {
            "x": {**x, "axis": {"format": "~e", "values": decades_shown}},
            "x2": {"field": "high"},
            "y": {"field": "images", "type": "quantitative", "title": "images"},
            "y2": {"datum": 0},
            "color": colors("side", {"within": CANDIDATE, "beyond": BAD}, legend=False),
            "description": {"field": "tip"},
        },
    }
    layers = [bars, *([rule("x", limit, scale, f"parity limit {limit:g}")] if limit else [])]
    return {"data": {"values": rows}, "width": WIDTH - 40, "height": 220, "layer": layers}


def scatter(images: PerImage, reference: str, candidate: str, base: str = "reference") -> Spec | None:
    """Return reference against candidate probability of the label: a density of all images, and the flips as points.

    ``base``: what the reference is called, as in :func:`compared_with`.
    """
    before, after = (images.models[name].probability_of_label.astype(np.float64) for name in (reference, candidate))
    known = np.isfinite(before) & np.isfinite(after)
    if not known.any():
        return None
    cells = np.clip((np.stack([before[known], after[known]], axis=1) * _GRID).astype(int), 0, _GRID - 1)
    places, counts = np.unique(cells, axis=0, return_counts=True)
    squares = [
        {"x": x / _GRID, "x2": (x + 1) / _GRID, "y": y / _GRID, "y2": (y + 1) / _GRID, "images": int(count)}
        for (x, y), count in zip(places.tolist(), counts, strict=True)
    ]
    for square in squares:
        square["tip"] = numbers.plural(square["images"], "image")
    change = images.change(reference, candidate)
    rows = np.flatnonzero((change != 0) & known)
    rows = rows[np.argsort(-np.abs(before - after)[rows], kind="stable")][:_POINTS]
    points = [
        {
            "x": float(before[row]),
            "y": float(after[row]),
            "kind": _KINDS[int(change[row])][0],
            "tip": f"{visible(images.image_ids[row])}: {_KINDS[int(change[row])][0]}, "
            f"{numbers.probability(before[row])} → {numbers.probability(after[row])}",
        }
        for row in rows.tolist()
    ]
    unit = {"type": "quantitative", "scale": {"domain": [0, 1]}}
    x = {**unit, "field": "x", "title": f"p(label), {visible(reference)} ({base})"}
    y = {**unit, "field": "y", "title": f"p(label), {visible(candidate)}"}
    density: Spec = {
        "data": {"values": squares},
        "mark": {"type": "rect", "fill": CANDIDATE, "aria": True},
        "encoding": {
            "x": x,
            "x2": {"field": "x2"},
            "y": y,
            "y2": {"field": "y2"},
            "opacity": {
                "field": "images",
                "type": "quantitative",
                "scale": {"type": "log", "range": [0.25, 0.9]},
                "legend": None,
            },
            "description": {"field": "tip"},
        },
    }
    diagonal = {
        "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
        "mark": dashed("line"),
        "encoding": {"x": x, "y": y},
    }
    dots: Spec = {
        "data": {"values": points},
        "mark": {
            "type": "circle",
            "size": 34,
            "opacity": 0.9,
            "stroke": "var(--card)",
            "strokeWidth": 0.6,
            "aria": True,
        },
        "encoding": {"x": x, "y": y, "color": colors("kind", dict(_KINDS.values())), "description": {"field": "tip"}},
    }
    layers = [density, diagonal, *([dots] if points else [])]
    return {"width": WIDTH - 60, "height": WIDTH - 100, "layer": layers}


def classes(changes: Sequence[ClassChange], name: Namer, base: str = "reference") -> Spec | None:
    """Return how many images each class lost or gained; the classes in the order given."""
    rows = [
        {
            "class": f"{row.label} {name(row.label)}",
            "change": row.change,
            "side": "lost" if row.change < 0 else "gained",
            "tip": f"{name(row.label)}: {row.before} → {row.after} of {numbers.plural(row.images, 'image')} right "
            f"({numbers.change(-row.change_pp)})",
        }
        for row in changes
    ]
    if not rows:
        return None
    most = max(abs(row.change) for row in changes)
    bars = {
        "mark": {"type": "bar", "aria": True},
        "encoding": {
            "y": {
                "field": "class",
                "type": "nominal",
                "sort": None,
                "title": None,
                "axis": {"ticks": False, "domain": False},
            },
            "x": {
                "field": "change",
                "type": "quantitative",
                "scale": {"domain": [-most, most]},
                "axis": {"tickMinStep": 1, "tickCount": 6, "format": "+d"},
                "title": f"change in right images, against the {base}",
            },
            "color": colors("side", {"lost": BAD, "gained": GOOD}, legend=False),
            "description": {"field": "tip"},
        },
    }
    return {"data": {"values": rows}, "width": WIDTH - 140, "height": {"step": 19}, **bars}
