"""The runs of one configuration as a table: one column per metric, with a sparkline over the runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.record.schema import ComparisonPart, RunRecord
from harness.report.facts import numbers
from harness.report.html.runs import Run

_WIDTH, _HEIGHT, _EDGE = 72, 18, 3


@dataclass(frozen=True)
class Cell:
    """A figure as text, and the number that it is sorted by; None sorts last."""

    text: str
    value: float | None


@dataclass(frozen=True)
class Metric:
    """A column: ``of`` returns a run's value, ``form`` writes it."""

    title: str
    of: Callable[[RunRecord], float | None]
    form: Callable[[float | None], str]
    lower_is_better: bool = False

    def cell(self, run: Run) -> Cell:
        """Return a run's figure."""
        value = self.of(run.record)
        return Cell(self.form(value), value)

    def trend(self, runs: Sequence[Run]) -> Markup:
        """Return the sparkline of runs, oldest first, in which up is better."""
        values = [self.of(run.record) for run in runs]
        return sparkline([-value if value is not None and self.lower_is_better else value for value in values])


def _worst(record: RunRecord) -> ComparisonPart | None:
    """Return the comparison with the largest Top-1 drop: a run is as good as its worst candidate."""
    known = [part for part in record.comparisons if part.drop.top1_pp is not None]
    return max(known, key=lambda part: part.drop.top1_pp or 0.0, default=None)


def _top1(record: RunRecord, model: str | None) -> float | None:
    return next((part.top1.percent for part in record.models if part.id == model and part.top1), None)


def _original(record: RunRecord) -> float | None:
    worst = _worst(record)
    return _top1(record, worst.reference if worst else None)


def _converted(record: RunRecord) -> float | None:
    worst = _worst(record)
    return _top1(record, worst.candidate if worst else None)


def _drop(record: RunRecord) -> float | None:
    worst = _worst(record)
    return worst.drop.top1_pp if worst else None


def _difference(record: RunRecord) -> float | None:
    return max((part.max_abs_diff for part in record.comparisons if part.max_abs_diff is not None), default=None)


def _speed(record: RunRecord) -> float | None:
    worst = _worst(record)
    name = worst.candidate if worst else None
    return next((part.images_per_second for part in record.models if part.id == name), None)


METRICS = (
    Metric("Top-1 original, %", _original, numbers.percent),
    Metric("Top-1 converted, %", _converted, numbers.percent),
    Metric("Top-1 change, pp", _drop, lambda value: numbers.change(value, unit=""), lower_is_better=True),
    Metric("max |Δp|", _difference, numbers.difference, lower_is_better=True),
    Metric("images/s", _speed, numbers.rate),
)


def sparkline(values: Sequence[float | None]) -> Markup:
    """Return values, oldest first, as a small line with a dot at the newest; nothing for fewer than two."""
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return Markup("")
    low, high = min(value for _, value in known), max(value for _, value in known)
    last = len(values) - 1
    points = [
        (
            _EDGE + (_WIDTH - 2 * _EDGE) * place / last,
            _HEIGHT / 2 if high == low else _HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * (value - low) / (high - low),
        )
        for place, value in known
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    shape = (
        '<svg class="spark" aria-hidden="true" width="{0}" height="{1}" viewBox="0 0 {0} {1}">'
        '<polyline points="{2}"/><circle cx="{3:.1f}" cy="{4:.1f}" r="2.5"/></svg>'
    )
    return Markup(shape.format(_WIDTH, _HEIGHT, line, x, y))  # noqa: S704  (numbers alone)
