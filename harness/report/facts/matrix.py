"""The comparison matrix of several candidates as text: in order, the best marked, with the gates that each misses.

Like the summary's, its ids and reasons come from outside: each form still has to escape them for itself.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from harness.judging.tradeoff import Standing, compare_candidates, deciding_gates, standing
from harness.record.schema import MatrixPart, ModelPart, RunRecord
from harness.report.facts import numbers
from harness.report.facts.numbers import MISSING
from harness.report.facts.summary import ComparisonRow, ModelRow, Summary
from harness.text import visible

IN_PASSING = "images/s and latency (median, 95th percentile) are approximate: images were decoded at the same time"
ALONE = (
    "images/s and latency (median, 95th percentile) with a 95 % interval: measured alone, in turn, in {rounds} rounds "
    "after the evaluation"
)
WORDS: dict[Standing, str] = {
    "ships": "may ship",
    "undecided": "undecided",
    "fails": "fails",
    "error": "error",
    "unavailable": "unavailable",
}
# Below each of these percentages of agreement a cell is a shade stronger. Between them lie the usual cases, measured
# with real weights: a faithful IR 100, FP16 weights 99.2, bf16 97.5, another resize 88 to 98, swapped channels 74.
_SHADES = (100.0, 99.5, 99.0, 97.0, 90.0)


@dataclass(frozen=True)
class MatrixRow:
    """A candidate. ``gates``: those that keep it from shipping; ``megabytes``: of 10^6 bytes.

    ``latency``: median and 95th percentile in ms, of a request, with its number of images where they are several.
    """

    model: ModelRow
    against: ComparisonRow
    best: bool
    standing: Standing
    word: str
    gates: str
    latency: str
    megabytes: str

    @property
    def compared(self) -> bool:
        """Whether it was compared with another model; one of 0 images has counts, but no percentages."""
        return self.against.broken != MISSING


@dataclass(frozen=True)
class PairCell:
    """Agreement of two candidates; ``shade``: 0 where all predictions match, higher the more differ."""

    percent: str
    counts: str
    shade: int


@dataclass(frozen=True)
class Matrix:
    """All candidates that ran or failed, in order; ``failures``: (candidate, word, reason) of those that failed.

    ``absent``: one line per device that this machine lacks, with the reason and the candidates that need it.
    ``agreement``: for each of ``names`` the cells with the names before it, a lower triangle; empty without pairs.
    ``speeds``: how speeds were measured.
    """

    rows: tuple[MatrixRow, ...]
    compared_with: str
    conclusion: str
    failures: tuple[tuple[str, str, str], ...]
    absent: tuple[str, ...]
    names: tuple[str, ...]
    agreement: tuple[tuple[PairCell, ...], ...]
    speeds: str = IN_PASSING


def comparison_matrix(record: RunRecord, summary: Summary) -> Matrix | None:
    """Return the matrix of a run with two candidates or more, counting those that are not there; None for fewer."""
    models = {part.id: (part, row) for part, row in zip(record.models, summary.models, strict=True)}
    candidates = [part.id for part in record.models if part.role == "candidate"]
    if len(candidates) < 2 or record.config.get("only"):  # one gate alone says not what ships
        return None
    decision = _decided(record)
    order = [*(name for name in decision.order if name in candidates)]
    order += [name for name in candidates if name not in order]
    against = {part.candidate: row for part, row in zip(record.comparisons, summary.comparisons, strict=True)}
    parts = [models[name][0] for name in order]
    rows = tuple(
        _row(record, decision, *models[name], against.get(name) or _not_compared(name))
        for name in order
        if models[name][0].status != "unavailable"
    )
    names, agreement = _agreement(record, order)
    return Matrix(
        rows,
        summary.compared_with,
        _conclusion(decision),
        _failures(parts),
        _absent(parts),
        names,
        agreement,
        _how_measured(record),
    )


def _how_measured(record: RunRecord) -> str:
    """Return a description of how speeds were measured."""
    parts = [part for part in record.models if part.role == "candidate" and part.rate is not None]
    alone = [part.speed.rounds for part in parts if part.speed]
    if not alone:
        return IN_PASSING
    others = "" if len(alone) == len(parts) else "; without an interval approximate: images were decoded then"
    return f"{ALONE.format(rounds=alone[0])}{others}"


def _decided(record: RunRecord) -> MatrixPart:
    """Return the record's own decision; made here where it has none, or one that its gates contradict."""
    decision = record.matrix
    if decision and all(standing(name, record.models, record.gates) == "ships" for name in decision.may_ship):
        return decision
    return compare_candidates(record.models, record.comparisons, record.gates)


def _latency(part: ModelPart) -> str:
    """Return median and 95th percentile of a request, with its images where it held several."""
    latency, batch = part.latency_ms, part.details.get("batch")
    if part.speed is not None:
        pair = (part.speed.latency_median_ms, part.speed.latency_percentile95_ms)
        text = ", ".join(
            f"{numbers.milliseconds(item.median)} {numbers.interval(item.ci95, numbers.milliseconds)}" for item in pair
        )
    elif latency is None:
        return MISSING
    else:
        text = ", ".join(map(numbers.milliseconds, (latency.median, latency.percentile95)))
    return f"{text} per {batch}" if isinstance(batch, int) and batch > 1 else text


def _row(
    record: RunRecord, decision: MatrixPart, part: ModelPart, model: ModelRow, against: ComparisonRow
) -> MatrixRow:
    stands = standing(part.id, record.models, record.gates)
    best = part.id == decision.best and stands == "ships"
    return MatrixRow(
        model=model,
        against=against,
        best=best,
        standing=stands,
        word=f"best, {WORDS[stands]}" if best else WORDS[stands],
        gates=visible(", ".join(dict.fromkeys(deciding_gates(part.id, record.gates)))) if part.status == "ok" else "",
        latency=_latency(part),
        megabytes=numbers.megabytes(part.model_bytes),
    )


def _not_compared(name: str) -> ComparisonRow:
    figures = {field.name: MISSING for field in fields(ComparisonRow)}
    return ComparisonRow(**(figures | {"candidate": visible(name), "worst_image": None}))  # type: ignore[arg-type]


def _conclusion(decision: MatrixPart) -> str:
    """Return "Ship int8: the fastest (...) of 4 that may ship", or why no candidate may ship."""
    reason = visible(decision.reason)
    if decision.best is None:
        return reason[:1].upper() + reason[1:]
    best = visible(decision.best)
    return f"Ship {best}: {reason.removeprefix(f'{best} ').removeprefix('is ')}"


def _failures(parts: list[ModelPart]) -> tuple[tuple[str, str, str], ...]:
    return tuple((visible(part.id), part.status, _failure(part)) for part in parts if part.status == "error")


def _absent(parts: list[ModelPart]) -> tuple[str, ...]:
    by_device: dict[str, list[ModelPart]] = {}
    for part in parts:
        if part.status == "unavailable":
            by_device.setdefault(part.device, []).append(part)
    return tuple(
        f"{'; '.join(dict.fromkeys(map(_failure, own)))} (skipped: {', '.join(visible(part.id) for part in own)})"
        for own in by_device.values()
    )


def _failure(part: ModelPart) -> str:
    lines = (part.error or "").strip().splitlines()
    return visible(lines[0].removeprefix(f"{part.id}: ")) if lines else "the record has no reason"


def _agreement(record: RunRecord, order: list[str]) -> tuple[tuple[str, ...], tuple[tuple[PairCell, ...], ...]]:
    pairs = {frozenset((pair.first, pair.second)): pair.top1_agreement for pair in record.pairwise}
    known = {name for pair in pairs for name in pair}
    names = [name for name in order if name in known]
    triangle = []
    for place, name in enumerate(names):
        found = (pairs.get(frozenset((name, other))) for other in names[:place])
        triangle.append(
            tuple(
                PairCell(numbers.percent(same.percent), f"{same.count}/{same.total}", _shade(same.percent))
                if same
                else PairCell(MISSING, MISSING, 0)
                for same in found
            )
        )
    return tuple(visible(name) for name in names), tuple(triangle)


def _shade(percent: float | None) -> int:
    return 0 if percent is None else sum(percent < bound for bound in _SHADES)
