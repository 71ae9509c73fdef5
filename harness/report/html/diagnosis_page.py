"""A diagnosis as one self-contained HTML page: a pure function of what `harness diagnose --json` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.report.html import assets
from harness.report.html.chart_svg import draw
from harness.report.html.layer_chart import LayerPoint, layer_profile
from harness.report.html.sections import step_parts
from harness.text import visible

_WORDS = {"found": ("found", "fail"), "clean": ("clean", "pass"), "unknown": ("not found", "inconclusive")}
_EXACT_DB = 200.0


def render(name: str, candidates: Sequence[Mapping[str, Any]]) -> str:
    """Return the page. ``name``: of the configuration; ``candidates``: the JSON document's field of that name."""
    parts = [_candidate(place, item) for place, item in enumerate(candidates)]
    return assets.page("diagnosis.html", ("base.css", "index.css"), ("base.js",), name=visible(name), candidates=parts)


def _candidate(place: int, item: Mapping[str, Any]) -> dict[str, Any]:
    word, chip = _WORDS[item["verdict"]]
    layers: Mapping[str, Any] = item["evidence"].get("layers") or {}
    spec = layer_profile([_point(layers, row) for row in layers.get("rows", ())])
    cause = f": {item['cause']}" if item["cause"] else ""
    label = f"Signal to noise of each layer of {visible(item['candidate'])}"
    return {
        "place": place,
        "candidate": visible(item["candidate"]),
        "word": f"{word}{cause}",
        "chip": chip,
        "parts": step_parts(visible(item["sentence"])),
        "chart": draw(spec, label, f"layers{place}") if spec else None,
        "layers": [_layer(layers, row) for row in layers.get("rows", ())],
        "alternatives": [
            {**other, "words": visible(other["words"]), "largest": _number(other["max_abs_diff"])}
            for other in item["alternatives"]
        ],
    }


def _is_named(layers: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    found = layers["reference"], layers["candidate"]
    return found[0] is not None and found == (row["reference"], row["candidate"])


def _snr(row: Mapping[str, Any], how: str) -> float | None:
    return row[how]["snr_db"] if row[how] else None


def _point(layers: Mapping[str, Any], row: Mapping[str, Any]) -> LayerPoint:
    named = _is_named(layers, row)
    return LayerPoint(row["reference"], row["candidate"], _snr(row, "alone"), _snr(row, "inside"), named)


def _layer(layers: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "reference": visible(row["reference"]),
        "candidate": visible(row["candidate"]),
        "weights": row["weights"] or "",
        "relative": "" if row["relative"] is None else f"{row['relative']:.1e}",
        "bias": row["bias"] or "",
        "alone": _decibels(_snr(row, "alone")),
        "inside": _decibels(_snr(row, "inside")),
        "named": _is_named(layers, row),
    }


def _decibels(value: float | None) -> str:
    if value is None:
        return "-"
    return "exact" if value >= _EXACT_DB else f"{value:.0f} dB"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
