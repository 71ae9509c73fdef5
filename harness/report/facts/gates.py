"""What a gate measured and its limit, in words. The units are read from the keys: `pp`, `percent`, `seconds`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.record.schema import GatePart
from harness.report.facts import numbers
from harness.text import visible

_WORDS = {"top1": "Top-1", "top5": "Top-5", "ci95": "95 %", "pp": "", "percent": "", "seconds": "", "max": ""}
_WHOLE = {"max_abs_diff": "max |Δp|", "mean_abs_diff": "mean |Δp|"}
# Words of a limit's key that its measured counterpart lacks: top1_max_pp limits top1_pp.
_BOUND_WORDS = frozenset({"max", "min", "at", "least", "most", "limit"})
_IMAGES = "images"


@dataclass(frozen=True)
class Figure:
    """A measured number and its limit, for a scale. ``floor``: the limit is the least that passes, not the most."""

    label: str
    measured: float
    limit: float
    measured_text: str
    limit_text: str
    unit: str
    floor: bool


def measured(gate: GatePart) -> str:
    """Return what was measured: "max |Δp| 0.26 on 64 images"."""
    return _listed(gate.measured or {}, gate.limit or {}) or numbers.MISSING


def limit(gate: GatePart) -> str:
    """Return the limit: "0.001", or "Top-1 0.10 pp, Top-5 0.10 pp"; the images only where not all were measured."""
    return _limit(gate.measured or {}, gate.limit or {}) or numbers.MISSING


def breach(gate: GatePart) -> str:
    """Return what a failed gate measured with its limit, only what is beyond its limit where that is known.

    "max |Δp| 0.26 on 64 images, limit 0.001"; the gate's reason where it carries no figures.
    """
    figures, bounds = gate.measured or {}, gate.limit or {}
    beyond = {key: bound for key, bound in _pairs(figures, bounds).items() if _is_beyond(figures[key], bounds, bound)}
    if beyond:
        images = {key: value for key, value in figures.items() if key == _IMAGES}
        figures = {key: figures[key] for key in beyond} | images
        bounds = {bound: bounds[bound] for bound in beyond.values()}
    said = _listed(figures, bounds)
    if not said:
        return visible(gate.reason).rstrip(".")
    allowed = _limit(figures, bounds)
    return f"{said}, limit {allowed}" if allowed else said


def figures(gate: GatePart) -> list[Figure]:
    """Return every measured number of a gate that has a limit, in the gate's order."""
    values, bounds = gate.measured or {}, gate.limit or {}
    found = []
    for key, bound in _pairs(values, bounds).items():
        value, edge = _number(values[key]), _number(bounds[bound])
        if value is None or edge is None or not (math.isfinite(value) and math.isfinite(edge)):
            continue
        texts = _value(key, values[key], signed=True, bound=bounds[bound]), _value(bound, bounds[bound])
        found.append(Figure(_label(key), value, edge, *texts, _unit(key).strip(), _is_floor(bound)))
    return found


def _listed(figures: Mapping[str, Any], bounds: Mapping[str, Any]) -> str:
    pairs = _pairs(figures, bounds)
    said = ", ".join(
        f"{_label(key)} {_value(key, value, signed=True, bound=bounds.get(pairs.get(key, '')))}"
        for key, value in figures.items()
        if key != _IMAGES
    )
    return f"{said}{_on_images(figures)}".lstrip()


def _limit(figures: Mapping[str, Any], bounds: Mapping[str, Any]) -> str:
    values = {key: value for key, value in bounds.items() if key != _IMAGES}
    said = ", ".join(
        _value(key, value) if len(values) == 1 else f"{_label(key)} {_value(key, value)}"
        for key, value in values.items()
    )
    return said if bounds.get(_IMAGES) == figures.get(_IMAGES) else f"{said}{_on_images(bounds)}".lstrip()


def _on_images(values: Mapping[str, Any]) -> str:
    images = values.get(_IMAGES)
    return f" on {numbers.plural(images, 'image')}" if isinstance(images, int) else ""


def _label(key: str) -> str:
    if key in _WHOLE:
        return _WHOLE[key]
    words = (_WORDS.get(word, word) for word in visible(key).split("_"))
    return " ".join(word for word in words if word)


def _value(key: str, value: Any, *, signed: bool = False, bound: Any = None) -> str:
    """Return a figure with its unit; ``signed`` for differences, ``bound``: its limit, which it must not look like."""
    unit = _unit(key)
    if value is None:
        return numbers.MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_value(key, item, signed=signed).removesuffix(unit) for item in value)}]{unit}"
    if not isinstance(value, (int, float)):
        return visible(str(value))
    if unit == " pp":
        return numbers.apart(value, _number(bound), numbers.signed_pp if signed else numbers.plain_pp, 3) + unit
    if unit == " %":
        return numbers.apart(value, _number(bound), numbers.percent, 2) + unit
    if key.endswith("_seconds"):
        return numbers.seconds(value)
    if isinstance(value, int):
        return numbers.count(value)
    return numbers.apart(value, _number(bound), numbers.difference, 2)


def _unit(key: str) -> str:
    words = key.split("_")
    return " pp" if "pp" in words else " %" if "percent" in words else ""


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _pairs(figures: Mapping[str, Any], bounds: Mapping[str, Any]) -> dict[str, str]:
    """Return which limit belongs to which measured figure, by their keys."""
    by_core = {_core(key): key for key in bounds if key != _IMAGES}
    found = {key: key if key in bounds else by_core.get(_core(key), "") for key in figures if key != _IMAGES}
    return {key: bound for key, bound in found.items() if bound}


def _core(key: str) -> tuple[str, ...]:
    return tuple(word for word in key.split("_") if word not in _BOUND_WORDS)


def _is_beyond(value: Any, bounds: Mapping[str, Any], bound: str) -> bool:
    number, edge = _number(value), _number(bounds[bound])
    if number is None or edge is None or not math.isfinite(number):
        return False
    return number < edge if _is_floor(bound) else number > edge


def _is_floor(bound: str) -> bool:
    """Tell whether a limit is the least that passes; an accuracy in percent is bounded from below."""
    words = set(bound.split("_"))
    return bool(words & {"min", "least"}) or ("percent" in words and not words & {"max", "most"})
