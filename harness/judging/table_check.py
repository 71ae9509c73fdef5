"""A record against its per-image table: everything that the table decides, counted and judged again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from harness.config.gates import Gates, Published
from harness.dataset.manifest import Manifest
from harness.judging.chance import GATE as CHANCE
from harness.judging.comparison import accuracy, agreement, largest_difference
from harness.judging.equal import same_number
from harness.judging.gates import Judged, judge_model
from harness.metrics.compare import flip_counts
from harness.metrics.outcome import Outcome
from harness.record.columns import lists_of, numbers_of
from harness.record.predictions import column_fault
from harness.record.schema import ComparisonPart, GatePart, ModelPart, RunRecord
from harness.record.shard_table import is_plausible

if TYPE_CHECKING:
    import pyarrow as pa

_REJUDGED = ("parity", "target", "drop")
_NEEDED = ("top1", "rank_of_label")


def table_faults(record: RunRecord, table: pa.Table) -> Iterator[str]:
    """Yield a sentence for each way in which a record disagrees with its per-image table."""
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
        yield from _compared(record.comparisons, outcomes, with_differences)
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
    with_differences: Collection[str],
) -> Iterator[str]:
    for part in parts:
        if part.reference not in outcomes or part.candidate not in outcomes:
            continue
        reference, candidate = outcomes[part.reference], outcomes[part.candidate]
        total = len(reference)
        flips = {k: flip_counts(reference, candidate, k) for k in (1, 5)}
        lost = {k: 100 * (broken - fixed) / total if total else None for k, (broken, fixed) in flips.items()}
        pairs: list[tuple[str, Any, Any]] = [
            ("agreement", part.top1_agreement.count, agreement(reference, candidate).count),
            ("fixed flips", part.flips.fixed, flips[1][1]),
            ("broken flips", part.flips.broken, flips[1][0]),
            ("Top-1 drop", part.drop.top1_pp, lost[1]),
            ("Top-5 drop", part.drop.top5_pp, lost[5]),
        ]
        if part.candidate in with_differences:
            pairs.append(("largest difference", part.max_abs_diff, largest_difference(candidate)))
        for name, written, found in pairs:
            if not same_number(written, found):
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
