"""A record is evidence only where it agrees with itself and with its per-image table: counts and verdicts, made again.

Whoever can write both files consistently can write anything; what is found here is a record that was edited, mixed up
with another run's table, or cut off. What concerns the table is in ``table_check``, which needs numpy; this does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import EXIT_NOTHING_DECIDED, RecordError
from harness.judging.chance import passes_on_chance
from harness.judging.equal import same_number
from harness.judging.exit_codes import exit_code
from harness.record.figures import figures_of
from harness.record.predictions import read_predictions
from harness.record.schema import ModelPart, RunRecord
from harness.record.store import read_record

if TYPE_CHECKING:
    import pyarrow as pa


def read_sound_record(run: Path) -> RunRecord:
    """Read a record, and its counts and verdicts again. Raises RecordError where it cannot be read or disagrees."""
    record = read_record(run)
    require_sound(record, read_predictions(record.stored_in))
    return record


def require_sound(record: RunRecord, table: pa.Table | None) -> None:
    """Raise RecordError where a record contradicts itself or its per-image table (None: it has none)."""
    fault = next(_own_faults(record), None)
    if fault is None and table is not None:
        from harness.judging.table_check import table_faults

        fault = next(table_faults(record, table), None)
    if fault:
        raise RecordError(f"{record.stored_in / 'run.json'}: cannot be believed: {fault}; validate again")


def _own_faults(record: RunRecord) -> Iterator[str]:
    known = {part.id for part in record.models} | {model.id for model in record.recorded_config.models}
    for gate in record.gates:
        if gate.model not in known:
            yield f"the gate {gate.gate} is about {gate.model[:80]!r}, which is no model of the run"
        beyond = [figure.name for figure in figures_of(gate) if figure.is_beyond]
        if gate.verdict == "pass" and beyond:
            yield f"the gate {gate.gate} of {gate.model} passed, but its {beyond[0]} is beyond the limit"
        if any((gate.measured or {}).get(item.name) != item.value for item in gate.figures if not item.is_setting):
            yield f"the gate {gate.gate} of {gate.model} has other numbers in `measured` than in `figures`"
    for part in record.models:
        yield from _accuracy_faults(part, record.dataset.evaluated)
    counted = {part.id: part for part in record.models}
    for comparison in record.comparisons:
        pair = [counted.get(name) for name in (comparison.reference, comparison.candidate)]
        if None in pair:
            yield f"it compares {comparison.candidate[:80]!r} with {comparison.reference[:80]!r}, no models of it"
            continue
        counts = [part.top1.correct for part in pair if part is not None and part.top1 is not None]
        if len(counts) == 2 and counts[0] - counts[1] != comparison.flips.broken - comparison.flips.fixed:
            yield f"the flips of {comparison.candidate} do not add up to the difference of its Top-1 count"
    if record.status == "complete":
        codes = {exit_code(record.gates, evaluated=good) for good in (record.dataset.evaluated, _good(record))}
        codes |= {EXIT_NOTHING_DECIDED} if record.dataset.evaluated == 0 else set()
        if record.exit_code not in codes:
            yield f"its exit code is {record.exit_code}, its gates mean {min(codes)}"
    yield from passes_on_chance(record)


def _good(record: RunRecord) -> int:
    counted = record.dataset.bad_images_policy == "wrong"
    return max(0, record.dataset.evaluated - (len(record.dataset.bad_images) if counted else 0))


def _accuracy_faults(part: ModelPart, evaluated: int) -> Iterator[str]:
    if part.top1 is None or part.top5 is None:
        return
    for k, counted in ((1, part.top1), (5, part.top5)):
        share = 100 * counted.correct / counted.total if counted.total else None
        if counted.total != evaluated or counted.correct > counted.total or not same_number(counted.percent, share):
            yield f"the Top-{k} count of {part.id} is no count of the {evaluated} evaluated images"
    if part.top1.correct > part.top5.correct:
        yield f"{part.id} has more images correct by Top-1 than by Top-5"
