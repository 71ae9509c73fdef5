"""The figures of a gate: the only place where a record's `measured` and `limit` become typed figures, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.record.schema import Direction, Figure, GatePart, Unit, Verdict

# Words of a limit's key that its measured counterpart lacks: top1_max_pp limits top1_pp.
_BOUND_WORDS = frozenset({"max", "min", "at", "least", "most", "limit"})
_IMAGES = "images"


def gate_part(
    gate: str, model: str, verdict: Verdict, reason: str, figures: Sequence[Figure] = (), *, warning: str | None = None
) -> GatePart:
    """Return a gate's verdict whose `measured` and `limit` are those of its figures; None if none has any."""
    measured = {item.name: item.value for item in figures if not item.is_setting}
    limit = {item.limit_name: item.limit for item in figures if item.limit_name is not None}
    return GatePart(
        gate=gate,
        model=model,
        verdict=verdict,
        measured=measured if any(value is not None for value in measured.values()) else None,
        limit=limit or None,
        figures=tuple(figures),
        reason=reason,
        warning=warning,
    )


def unmeasured(figures: Sequence[Figure]) -> tuple[Figure, ...]:
    """Return the figures with their limits and without values, for a gate that was not judged."""
    return tuple(item.model_copy(update={"value": None}) for item in figures)


def figures_of(gate: GatePart) -> tuple[Figure, ...]:
    """Return a gate's figures; for a record from before there were any, as the keys of its two dicts say.

    The measured values come first, in their order; a limit that belongs to none of them follows as a setting.
    """
    if gate.figures:
        return gate.figures
    measured, limit = gate.measured or {}, gate.limit or {}
    pairs = _pairs(measured, limit)
    found = [_figure(name, value, pairs.get(name), limit) for name, value in measured.items()]
    used = set(pairs.values())
    settings = [
        Figure(name=name, value=None, unit=_unit(name), limit=_json(value), limit_name=name)
        for name, value in limit.items()
        if name not in used
    ]
    return tuple(found + settings)


def _figure(name: str, value: Any, bound: str | None, limit: Mapping[str, Any]) -> Figure:
    return Figure(
        name=name,
        value=_json(value),
        unit=_unit(name),
        limit=None if bound is None else _json(limit[bound]),
        limit_name=bound,
        direction=None if bound is None or name == _IMAGES else _direction(bound),
    )


def _json(value: Any) -> Any:
    """Return a value as JSON can hold it: None for a number that is not finite."""
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _pairs(measured: Mapping[str, Any], limit: Mapping[str, Any]) -> dict[str, str]:
    """Return which limit belongs to which measured value, by their keys."""
    by_core = {_core(key): key for key in limit}
    found = {key: key if key in limit else by_core.get(_core(key), "") for key in measured}
    return {key: bound for key, bound in found.items() if bound}


def _core(key: str) -> tuple[str, ...]:
    return tuple(word for word in key.split("_") if word not in _BOUND_WORDS)


def _unit(key: str) -> Unit:
    words = key.split("_")
    if key == _IMAGES:
        return "images"
    if "pp" in words:
        return "pp"
    if "percent" in words:
        return "%"
    if words[-1] == "seconds":
        return "seconds"
    return "probability" if key.endswith("abs_diff") else ""


def _direction(bound: str) -> Direction:
    """Return on which side of a limit a value passes; an accuracy in percent is bounded from below."""
    words = set(bound.split("_"))
    is_floor = bool(words & {"min", "least"}) or ("percent" in words and not words & {"max", "most"})
    return "at_least" if is_floor else "at_most"


def change_in_words(drop_pp: float) -> str:
    """Return a drop in pp as what happened: "lost 14.15 pp", "gained 0.154 pp" or "unchanged"."""
    if math.isclose(drop_pp, 0, abs_tol=1e-12):
        return "unchanged"
    whole, _, fraction = f"{abs(drop_pp):.3f}".partition(".")
    return f"{'lost' if drop_pp > 0 else 'gained'} {whole}.{fraction.rstrip('0').ljust(2, '0')} pp"
