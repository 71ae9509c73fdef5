"""How much every model's accuracy changed: against an accepted baseline, if any, and against the reference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.config.gates import BaselineGate
from harness.judging.baseline.judge import judge_baseline
from harness.judging.baseline.schema import Baseline, ModelRow
from harness.record.schema import Accuracy, ModelPart, RunRecord
from harness.text import visible


@dataclass(frozen=True)
class ModelChange:
    """One model's Top-1 and Top-5 (percent) and their drops (pp, positive is a loss); None if nothing is known."""

    id: str
    role: str
    top1_percent: float | None
    top5_percent: float | None
    top1_before: float | None
    top1_drop_since_baseline: float | None
    top5_drop_since_baseline: float | None
    top1_drop_from_reference: float | None


@dataclass(frozen=True)
class Changes:
    """The changes of a run. ``not_comparable``: why a baseline that was given says nothing, None if it does."""

    models: tuple[ModelChange, ...]
    has_baseline: bool
    not_comparable: str | None

    @property
    def worst(self) -> ModelChange | None:
        """The model that lost most, since the baseline if there is one, else from the reference; None without any."""
        key = "top1_drop_since_baseline" if self.has_baseline else "top1_drop_from_reference"
        known = [item for item in self.models if getattr(item, key) is not None]
        return max(known, key=lambda item: (getattr(item, key), item.role == "candidate"), default=None)


def changes(record: RunRecord, baseline: Baseline | None = None) -> Changes:
    """Return the changes of every model of a run. Counts are compared with a baseline only where it is comparable."""
    fault = _fault(record, baseline) if baseline else None
    rows = baseline.models if baseline and fault is None else {}
    drops = {part.candidate: part.drop.top1_pp for part in record.comparisons}
    models = tuple(_change(part, rows.get(part.id), drops.get(part.id)) for part in record.models)
    return Changes(models, bool(rows), fault)


def _fault(record: RunRecord, baseline: Baseline) -> str | None:
    limits = {part.id: BaselineGate(file=Path("the baseline")) for part in record.models if part.id in baseline.models}
    if not limits:
        return "the baseline has none of these models"
    parts = judge_baseline(record, baseline, limits, expected=[])
    errors = [part for part in parts if part.verdict == "error"]
    return visible(errors[0].reason) if errors else None


def _change(part: ModelPart, row: ModelRow | None, from_reference: float | None) -> ModelChange:
    return ModelChange(
        id=visible(part.id),
        role=part.role,
        top1_percent=part.top1.percent if part.top1 else None,
        top5_percent=part.top5.percent if part.top5 else None,
        top1_before=100 * row.top1_correct / row.images if row else None,
        top1_drop_since_baseline=_drop(part.top1, row.top1_correct if row else None),
        top5_drop_since_baseline=_drop(part.top5, row.top5_correct if row else None),
        top1_drop_from_reference=from_reference,
    )


def _drop(now: Accuracy | None, before: int | None) -> float | None:
    """Return the lost share of the same images in pp, from whole counts."""
    return None if now is None or before is None or not now.total else 100 * (before - now.correct) / now.total
