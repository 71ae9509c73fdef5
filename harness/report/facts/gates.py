"""Describes what a gate measured, and its limit; units and directions are those of its typed figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.record.figures import figures_of
from harness.record.schema import Direction, Figure, GatePart, Unit
from harness.report.facts import numbers
from harness.text import visible

_DROPS = {"top1_pp": "Top-1", "top5_pp": "Top-5", "top1_drop_pp": "Top-1", "top5_drop_pp": "Top-5"}
_NAMES = {"max_abs_diff": "max |Δp|", "mean_abs_diff": "mean |Δp|"}
# Units follow the value, so a label leaves them out.
_WORDS = {"top1": "Top-1", "top5": "Top-5", "ci95": "95 %", "pp": "", "percent": "", "seconds": "", "max": ""}
_SUFFIXES: dict[Unit, str] = {"pp": " pp", "%": " %"}


@dataclass(frozen=True)
class Measurement:
    """A measured number and its limit, both finite. ``direction``: the side of the limit on which a value passes."""

    label: str
    measured: float
    limit: float
    measured_text: str
    limit_text: str
    unit: Unit
    direction: Direction
    is_beyond: bool


def measured(gate: GatePart) -> str:
    """Return what was measured: "max |Δp| 0.26 on 64 images", "Top-1 lost 1.23 pp"."""
    return _measured_text(figures_of(gate)) if gate.measured else numbers.MISSING


def limit(gate: GatePart) -> str:
    """Return the limit: "0.001", or "Top-1 0.10 pp, Top-5 0.10 pp"; the images only where not all were measured."""
    return _limit_text(figures_of(gate)) or numbers.MISSING


def breach(gate: GatePart) -> str:
    """Return what a failed gate measured with its limit, only the figures beyond their limits where there are any.

    "max |Δp| 0.26 on 64 images, limit 0.001"; the gate's reason where it has no figures.
    """
    figures = figures_of(gate)
    beyond = [figure for figure in figures if figure.is_beyond]
    images = [figure for figure in figures if figure.unit == "images"]
    text = _measured_text([*beyond, *images] if beyond else figures) if gate.measured else ""
    if not text:
        return visible(gate.reason).rstrip(".")
    allowed = _limit_text(beyond or figures)
    return f"{text}, limit {allowed}" if allowed else text


def measurements(gate: GatePart) -> list[Measurement]:
    """Return every measured number of a gate that is judged by a limit, in the gate's order."""
    return [
        Measurement(
            label=_label(figure.name),
            measured=figure.number,
            limit=figure.bound,
            measured_text=_value_text(figure),
            limit_text=_bound_text(figure),
            unit=figure.unit,
            direction=figure.direction,
            is_beyond=figure.is_beyond,
        )
        for figure in figures_of(gate)
        if figure.number is not None and figure.bound is not None and figure.direction is not None
    ]


def _measured_text(figures: Sequence[Figure]) -> str:
    values = [figure for figure in figures if not figure.is_setting and figure.unit != "images"]
    text = ", ".join(f"{_label(figure.name)} {_value_text(figure)}" for figure in values)
    return f"{text}{_on_images([figure.value for figure in figures if figure.unit == 'images'])}".lstrip()


def _limit_text(figures: Sequence[Figure]) -> str:
    # Several figures may share one limit, as the bounds of a certified drop do.
    limits = {figure.limit_name: figure for figure in figures if figure.limit_name and figure.unit != "images"}
    text = ", ".join(
        _bound_text(figure) if len(limits) == 1 else f"{_label(name)} {_bound_text(figure)}"
        for name, figure in limits.items()
    )
    images = [figure.limit for figure in figures if figure.unit == "images" and figure.limit != figure.value]
    return f"{text}{_on_images(images)}".lstrip()


def _on_images(counts: Sequence[Any]) -> str:
    known = [count for count in counts if isinstance(count, int)]
    return f" on {numbers.plural(known[0], 'image')}" if known else ""


def _label(name: str) -> str:
    known = _DROPS.get(name) or _NAMES.get(name)
    if known:
        return known
    words = (_WORDS.get(word, word) for word in visible(name).split("_"))
    return " ".join(word for word in words if word)


def _value_text(figure: Figure) -> str:
    """Return a measured value with its unit and enough digits to differ from its limit."""
    if figure.name in _DROPS and figure.number is not None:
        return numbers.change(figure.number, figure.bound)
    return _text(figure.value, figure.unit, figure.bound, signed=True)


def _bound_text(figure: Figure) -> str:
    return _text(figure.limit, figure.unit)


def _text(value: Any, unit: Unit, bound: float | None = None, *, signed: bool = False) -> str:
    suffix = _SUFFIXES.get(unit, "")
    if value is None:
        return numbers.MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_text(item, unit, signed=signed).removesuffix(suffix) for item in value)}]{suffix}"
    if not isinstance(value, (int, float)):
        return visible(str(value))
    if unit == "pp":
        return numbers.distinct(value, bound, numbers.signed_pp if signed else numbers.plain_pp, 3) + suffix
    if unit == "%":
        return numbers.distinct(value, bound, numbers.percent, 2) + suffix
    if unit == "seconds":
        return numbers.seconds(value)
    return numbers.count(value) if isinstance(value, int) else numbers.distinct(value, bound, numbers.difference, 2)
