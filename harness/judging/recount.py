"""A record is evidence only where it agrees with itself and with its per-image table: counts and verdicts, made again.

Whoever can write both files consistently can write anything; what is found here is a record that was edited, mixed up
with another run's table, or cut off.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from harness.config.schema import Gates, Published
from harness.dataset.manifest import Manifest
from harness.errors import EXIT_NOTHING_DECIDED, RecordError
from harness.judging.chance import GATE as CHANCE
from harness.judging.comparison import accuracy, compare
from harness.judging.gates import Judged, exit_code, judge_model
from harness.metrics.outcome import Outcome
from harness.record.columns import lists_of, numbers_of
from harness.record.figures import figures_of
from harness.record.predictions import column_fault, read_predictions
from harness.record.schema import ComparisonPart, GatePart, ModelPart, RunRecord
from harness.record.shard_table import is_plausible
from harness.record.store import read_record

if TYPE_CHECKING:
    import pyarrow as pa

_REJUDGED = ("parity", "target", "drop")
_NEEDED = ("top1", "rank_of_label")


def read_sound_record(run: Path) -> RunRecord:
    """Read a record, and its counts and verdicts again. Raises RecordError where it cannot be read or disagrees."""
    record = read_record(run)
    require_sound(record, read_predictions(record.stored_in))
    return record


def require_sound(record: RunRecord, table: pa.Table | None) -> None:
    """Raise RecordError where a record contradicts itself or its per-image table (None: it has none)."""
    fault = next(_faults(record, table), None)
    if fault:
        raise RecordError(f"{record.stored_in / 'run.json'}: cannot be believed: {fault}; validate again")


def _faults(record: RunRecord, table: pa.Table | None) -> Iterator[str]:
    yield from _own_faults(record)
    if table is None:
        return
    if fault := column_fault(table):
        yield f"predictions.parquet is no per-image table of a run: {fault}"
        return
    evaluated = {part.id: part for part in record.models if part.top1 is not None}
    try:
        outcomes = {model: _outcome(table, model) for model in evaluated if _has(table, model, *_NEEDED)}
        sound = all(is_plausible(outcome, table.num_rows) for outcome in outcomes.values())
    except (KeyError, ValueError, TypeError):
        sound = False
    if not sound:
        yield "predictions.parquet holds other values than a run writes"
        return
    manifest = Manifest(tuple(table["image_id"].to_pylist()), numbers_of(table["label"]).astype(np.int32))
    if table.num_rows != record.dataset.evaluated:
        yield f"it says {record.dataset.evaluated} images, predictions.parquet has {table.num_rows}"
    elif any(name is None for name in manifest.image_ids) or manifest.fingerprint() != record.dataset.fingerprint:
        yield "predictions.parquet has other images or labels than were evaluated"
    else:
        with_differences = {model for model in outcomes if _has(table, model, "max_abs_diff", "mean_abs_diff")}
        yield from _recounted(evaluated, outcomes)
        yield from _compared(record.comparisons, outcomes, manifest.image_ids, with_differences)
        yield from _judged(record, outcomes, with_differences)


def _has(table: pa.Table, model: str, *names: str) -> bool:
    return {f"{model}.{name}" for name in names} <= set(table.column_names)


def _outcome(table: pa.Table, model: str) -> Outcome:
    """Return a model's rows; what older tables lack is filled with nothing. Raises ValueError for other values."""
    top1 = numbers_of(table[f"{model}.top1"])
    rank = numbers_of(table[f"{model}.rank_of_label"])
    nothing = np.where(rank < 1, np.nan, 0.0)
    columns: dict[str, Any] = {
        "top1": top1,
        "top5": top1[:, None],
        "top5_probabilities": nothing[:, None].astype(np.float32),
        "probability_of_label": nothing.astype(np.float32),
        "top1_probability": nothing.astype(np.float32),
        "rank_of_label": rank,
        "max_abs_diff": nothing.astype(np.float32),
        "mean_abs_diff": nothing,
    }
    for name in columns:
        if _has(table, model, name):
            read = lists_of if name.startswith("top5") else numbers_of
            columns[name] = read(table[f"{model}.{name}"])
    if not _has(table, model, "top5", "top5_probabilities"):  # they have one width
        columns |= {"top5": top1[:, None], "top5_probabilities": nothing[:, None].astype(np.float32)}
    return Outcome.from_columns(columns)


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


def _good(record: RunRecord) -> int:
    counted = record.dataset.bad_images_policy == "wrong"
    return max(0, record.dataset.evaluated - (len(record.dataset.bad_images) if counted else 0))


def _accuracy_faults(part: ModelPart, evaluated: int) -> Iterator[str]:
    if part.top1 is None or part.top5 is None:
        return
    for k, counted in ((1, part.top1), (5, part.top5)):
        share = 100 * counted.correct / counted.total if counted.total else None
        if counted.total != evaluated or counted.correct > counted.total or not _same(counted.percent, share):
            yield f"the Top-{k} count of {part.id} is no count of the {evaluated} evaluated images"
    if part.top1.correct > part.top5.correct:
        yield f"{part.id} has more images correct by Top-1 than by Top-5"


def _same(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


def _recounted(models: Mapping[str, ModelPart], outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    for model, outcome in outcomes.items():
        part = models[model]
        for k, written in ((1, part.top1), (5, part.top5)):
            found = accuracy(outcome, k).correct
            if written is not None and written.correct != found:
                yield f"it counts {written.correct} correct by Top-{k} for {model}, predictions.parquet has {found}"


def _compared(
    parts: tuple[ComparisonPart, ...],
    outcomes: Mapping[str, Outcome],
    image_ids: tuple[str, ...],
    with_differences: Collection[str],
) -> Iterator[str]:
    for part in parts:
        if part.reference not in outcomes or part.candidate not in outcomes:
            continue
        again = compare(part.reference, outcomes[part.reference], part.candidate, outcomes[part.candidate], image_ids)
        pairs = (
            ("agreement", part.top1_agreement.count, again.top1_agreement.count),
            ("fixed flips", part.flips.fixed, again.flips.fixed),
            ("broken flips", part.flips.broken, again.flips.broken),
            ("Top-1 drop", part.drop.top1_pp, again.drop.top1_pp),
            ("Top-5 drop", part.drop.top5_pp, again.drop.top5_pp),
            *(
                [("largest difference", part.max_abs_diff, again.max_abs_diff)]
                if part.candidate in with_differences
                else []
            ),
        )
        for name, written, found in pairs:
            if not _same(written, found):
                yield f"its {name} of {part.candidate} is {written}, predictions.parquet gives {found}"


def _judged(record: RunRecord, outcomes: Mapping[str, Outcome], with_differences: Collection[str]) -> Iterator[str]:
    """Judge again what the table decides: parity, target and drop; not what a certification or baseline decided."""
    reference = next((part.id for part in record.models if part.role == "reference"), None)
    held_back = any(gate.gate == CHANCE for gate in record.gates)
    for part in record.models:
        outcome = outcomes.get(part.id)
        gates = _gates_of(record.config, part)
        if outcome is None or gates is None:
            continue
        judged = Judged(
            model=part.id,
            outcome=outcome,
            reference=outcomes.get(reference or "") if part.role == "candidate" else None,
            precision=part.precision.effective,
            whole_set=record.dataset.images,
            declared=_part(record.config, "dataset").get("images") is not None,
        )
        written = {gate.gate: gate for gate in record.gates if gate.model == part.id}
        for again in judge_model(judged, gates, _published(record.config)):
            found = written.get(again.gate)
            if again.gate == "parity" and part.id not in with_differences:
                continue
            if again.gate in _REJUDGED and found is not None and not _agree(found, again, held_back=held_back):
                yield (
                    f"its gate {again.gate} of {part.id} is '{found.verdict}', predictions.parquet gives "
                    f"'{again.verdict}'"
                )


def _agree(found: GatePart, again: GatePart, *, held_back: bool) -> bool:
    if found.verdict in ("not_applicable", "error"):  # answered by a certification, or its model failed later
        return True
    return found.verdict == again.verdict or (held_back and (found.verdict, again.verdict) == ("inconclusive", "pass"))


def _part(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = config.get(key)
    return value if isinstance(value, Mapping) else {}


def _gates_of(config: Mapping[str, Any], part: ModelPart) -> Gates | None:
    candidates = config.get("candidates")
    listed = candidates if isinstance(candidates, (list, tuple)) else ()
    own = next((item for item in listed if isinstance(item, Mapping) and item.get("id") == part.id), {})
    plain = own.get("gates") if part.role == "candidate" else config.get("gates")
    try:
        return Gates.model_validate(plain)
    except ValidationError:  # of another version of the harness
        return None


def _published(config: Mapping[str, Any]) -> Published | None:
    try:
        return Published.model_validate(config.get("published"))
    except ValidationError:
        return None
