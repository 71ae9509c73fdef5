"""A record against its per-image table: all that the table decides, counted and judged again by the same code."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.dataset.manifest import Manifest
from harness.judging.baseline.judge import GATE as BASELINE
from harness.judging.baseline.judge import limited_figures
from harness.judging.certifying import Certifying
from harness.judging.chance import chance_faults
from harness.judging.comparison import accuracy, by_chance, compare
from harness.judging.counting import comparison_parts, pair_parts
from harness.judging.equal import differing
from harness.judging.exit_codes import exit_code
from harness.judging.rules import Rules
from harness.judging.tradeoff import compare_candidates
from harness.judging.verdicts import Counted, JudgedModel, verdicts
from harness.metrics.outcome import Outcome
from harness.record.columns import lists_of, numbers_of
from harness.record.figures import gate_part
from harness.record.predictions import column_fault
from harness.record.schema import ComparisonPart, GatePart, ModelPart, RunRecord, Verdict
from harness.record.shard_table import ShardTable, is_plausible

if TYPE_CHECKING:
    import pyarrow as pa

_FIELDS = tuple(Outcome.__dataclass_fields__)
_NEEDED = ("top1", "rank_of_label")
_DIFFERENCES = ("max_abs_diff", "mean_abs_diff")
_WORDS = ("reason", "warning")  # made from the rest: they are shown as they are made again
_ROUNDED = 5e-3  # old records have intervals of two or three decimals
_INTERVALS = ("top1_ci95_pp", "top5_ci95_pp")


class DisagreementError(Exception):
    """A record says something else than its per-image table; the sentence says what."""


@dataclass(frozen=True)
class _Rows:
    """The rows of a per-image table. ``complete``: models with all columns; an old table may have fewer."""

    manifest: Manifest
    outcomes: Mapping[str, Outcome]
    complete: Collection[str]


def judged_again(record: RunRecord, table: pa.Table, rules: Rules | None) -> RunRecord:
    """Return the record with all that its table decides, made again: counts, comparisons, verdicts, matrix, sentences.

    ``rules``: those of the record's configuration; None for an old record that has none: then its gates and its matrix
    stay as they are, and what its table lacks is not counted. Raises DisagreementError if the two differ.
    """
    rows = _rows(record, table, rules)
    for fault in _image_faults(record, table, rows, rules):
        raise DisagreementError(fault)
    models = tuple(_recounted(part, rows) for part in record.models)
    if rules is None:
        comparisons = tuple(_compared_again(part, rows) for part in record.comparisons)
        again = record.model_copy(update={"models": models, "comparisons": comparisons})
    else:
        again = _with_verdicts(record, models, rows, rules)
    for fault in _differences(record, again, rules):
        raise DisagreementError(fault)
    return again if rules else record


def _rows(record: RunRecord, table: pa.Table, rules: Rules | None) -> _Rows:
    """Read a table as arrays. Raises DisagreementError if it is not of this run, or lacks columns."""
    if fault := column_fault(table):
        raise DisagreementError(f"predictions.parquet is not a per-image table of a run: {fault}")
    evaluated = [part.id for part in record.models if part.top1 is not None]
    if rules is not None:
        for model in (part.id for part in record.models if part.status == "ok"):
            if not _has(table, model, *_FIELDS):
                raise DisagreementError(f"predictions.parquet lacks rows of {model}")
        strangers = {name.rpartition(".")[0] for name in table.column_names if name.rpartition(".")[2] in _FIELDS}
        failed = {part.id for part in record.models if part.status != "ok"}
        if found := sorted(strangers - (set(rules.models) - failed)):
            raise DisagreementError(f"predictions.parquet has rows of {found[0][:80]}, which was not evaluated")
        evaluated = [name for name in rules.models if name in strangers]
    try:
        outcomes = {model: _outcome(table, model) for model in evaluated if _has(table, model, *_NEEDED)}
        sound = all(is_plausible(outcome, table.num_rows) for outcome in outcomes.values())
        manifest = Manifest(tuple(table["image_id"].to_pylist()), numbers_of(table["label"]).astype(np.int32))
    except (KeyError, ValueError, TypeError):
        sound = False
    if not sound:
        raise DisagreementError("predictions.parquet contains other values than a run writes")
    return _Rows(manifest, outcomes, [model for model in outcomes if _has(table, model, *_FIELDS)])


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


def _image_faults(record: RunRecord, table: pa.Table, rows: _Rows, rules: Rules | None) -> Iterator[str]:
    names = rows.manifest.image_ids
    if table.num_rows != record.dataset.evaluated:
        yield f"it says {record.dataset.evaluated} images, predictions.parquet has {table.num_rows}"
        return
    if any(name is None for name in names) or rows.manifest.fingerprint() != record.dataset.fingerprint:
        yield "predictions.parquet has different images or labels than were evaluated"
        return
    if rules is None:
        return
    bad = [frozenset(np.flatnonzero(outcome.is_bad).tolist()) for outcome in rows.outcomes.values()]
    if len(set(bad)) > 1:
        yield "predictions.parquet has different bad images for different models"
        return
    found = [names[row] for row in sorted(bad[0])] if bad else []
    counted = record.dataset.bad_images_policy == "wrong"
    recorded = [image.id for image in record.dataset.bad_images] if counted else []
    # A certification ends before all images that were looked through are evaluated.
    same = set(found) <= set(recorded) if rules.certify else found == recorded
    if not same:
        yield f"it names {len(recorded)} bad images that count, predictions.parquet has {len(found)} or others"


def _recounted(part: ModelPart, rows: _Rows) -> ModelPart:
    outcome = rows.outcomes.get(part.id)
    if outcome is None:
        return part
    counted: dict[str, Any] = {"top1": accuracy(outcome, 1), "top5": accuracy(outcome, 5)}
    if part.id in rows.complete:
        counted["chance"] = by_chance(outcome, rows.manifest.labels)
    return part.model_copy(update=counted)


def _compared_again(part: ComparisonPart, rows: _Rows) -> ComparisonPart:
    """Return a comparison of an old record made again, as far as its table goes, with the intervals of its time."""
    if not {part.reference, part.candidate} <= rows.outcomes.keys():
        return part
    pair = [rows.outcomes[name] for name in (part.reference, part.candidate)]
    found = compare(part.reference, pair[0], part.candidate, pair[1], rows.manifest.image_ids)
    drop = found.drop.model_copy(update={name: getattr(part.drop, name) for name in _INTERVALS})
    found = found.model_copy(update={"drop": drop})
    if part.candidate in rows.complete:
        return found
    unknown = (*_DIFFERENCES, "worst_image")
    return found.model_copy(update={name: getattr(part, name) for name in unknown})


def _with_verdicts(record: RunRecord, models: tuple[ModelPart, ...], rows: _Rows, rules: Rules) -> RunRecord:
    total = record.dataset.evaluated
    compared = rows.outcomes if total or record.comparisons else {}
    comparisons = comparison_parts(rules, compared, rows.manifest.image_ids)
    parts = {part.id: part for part in record.models}
    counted = Counted(
        rules=rules,
        models=tuple(_judged(name, parts.get(name), rules) for name in rules.models),
        outcomes=rows.outcomes,
        evaluated=total,
        whole_set=record.dataset.images,
        stability={part.model: part for part in record.stability},
        yardsticks={part.model: part for part in record.yardsticks},
    )
    if rules.reference is not None and rules.reference not in rows.outcomes:
        raise DisagreementError(
            f"it has verdicts, but predictions.parquet lacks rows of the reference {rules.reference}"
        )
    baseline = [_with_own_limits(gate, rules) for gate in record.gates if gate.gate == BASELINE]
    first = next(iter(rows.outcomes.values()), None)
    good = 0 if first is None else int((~first.is_bad).sum())
    guessing = chance_faults(models, record.recorded_config, good=good)
    gates = verdicts(counted, _certified(record, rows, rules), baseline, guessing)
    return record.model_copy(
        update={
            "exit_code": exit_code(gates, evaluated=good),
            "models": models,
            "comparisons": comparisons,
            "pairwise": pair_parts(rules, compared),
            "gates": gates,
            "matrix": None if rules.only else compare_candidates(models, comparisons, gates),
        }
    )


def _with_own_limits(gate: GatePart, rules: Rules) -> GatePart:
    """Return a baseline's gate with the limits of the configuration and the drops of the record."""
    own = rules.gates[gate.model].baseline if gate.model in rules.gates else None
    if own is None:
        return gate
    drops = {figure.name: figure.number for figure in gate.figures}
    figures = limited_figures(own, [drops.get(f"top{k}_drop_pp") for k in (1, 5)])
    # A baseline is never inconclusive itself: such a gate passed, and was held back then as it will be now.
    verdict: Verdict = "pass" if gate.verdict == "inconclusive" else gate.verdict
    return gate_part(gate.gate, gate.model, verdict, gate.reason, figures, warning=gate.warning)


def _judged(name: str, part: ModelPart | None, rules: Rules) -> JudgedModel:
    return JudgedModel(
        id=name,
        role="reference" if name == rules.reference else "candidate",
        precision=part.precision.effective if part else "unknown",
        failure=None if part is None or part.status == "ok" else part.error or part.status,
        unavailable=part is not None and part.status == "unavailable",
    )


def _certified(record: RunRecord, rows: _Rows, rules: Rules) -> dict[str, GatePart] | None:
    """Return the gate `certify` of each candidate, from its images in the order in which they were drawn.

    Where bad images were left out of the table, their places are not known, and the gates are those of the record.
    """
    if rules.certify is None:
        return None
    if record.dataset.bad_images and record.dataset.bad_images_policy == "skip":
        written = {gate.model: gate for gate in record.gates if gate.gate == "certify"}
        if missing := set(rows.outcomes) & set(rules.candidates) - set(written):
            raise DisagreementError(f"its gate certify of {min(missing)} is missing")
        return written
    again = Certifying(rules, rules.certify, record.dataset.images)
    total = record.dataset.evaluated
    bad = np.flatnonzero(next(iter(rows.outcomes.values())).is_bad).tolist() if rows.outcomes else []
    if total:
        reasons = dict.fromkeys(bad, "bad")
        again.take(ShardTable(0, range(total), (), (), reasons, dict(rows.outcomes)))
    return again.gates([name for name in rules.candidates if name in rows.outcomes])


def _differences(record: RunRecord, again: RunRecord, rules: Rules | None) -> Iterator[str]:
    """Yield what a record states otherwise than it is made again. What it does not state is filled in, and no fault."""
    rounded = _ROUNDED if rules is None else 0.0
    source = "predictions.parquet gives"
    for part, found in zip(record.models, again.models, strict=True):
        for k, name in ((1, "top1"), (5, "top5")):
            one, other = getattr(part, name), getattr(found, name)
            if one is not None and other is not None and one.correct != other.correct:
                counted = f"it counts {one.correct} correct by Top-{k} for {part.id}"
                yield f"{counted}, predictions.parquet has {other.correct}"
        counts = {"top1", "top5", "chance"}
        for key, written, computed in differing(_stated(part, counts), _stated(found, counts), rounded):
            yield f"its {key} of {part.id} is {written}, {source} {computed}"
    groups: tuple[tuple[str, Sequence[Any], Sequence[Any]], ...] = (
        ("comparisons", record.comparisons, again.comparisons),
        ("pairs of candidates", record.pairwise, again.pairwise),
        ("gates", record.gates, again.gates),
    )
    for what, parts, others in groups:
        wanted, have = [_name(part) for part in others], [_name(part) for part in parts]
        if wanted != have:
            yield _missing(what, have, wanted)
            continue
        for part, found in zip(parts, others, strict=True):
            for key, written, computed in differing(_stated(part), _stated(found), rounded):
                shown = f"'{written}', {source} '{computed}'" if key == "verdict" else f"{written}, {source} {computed}"
                of = "" if key == "verdict" else f"{key} of "
                yield f"its {of}{_name(part)} is {shown}"
    if record.matrix is not None and again.matrix is not None:
        for key, written, computed in differing(_stated(record.matrix), _stated(again.matrix), rounded):
            yield f"its comparison matrix has the {key} {written}, {source} {computed}"
    if record.exit_code != again.exit_code:
        yield f"its exit code is {record.exit_code}, {source} {again.exit_code}"


def _name(part: Any) -> str:
    if isinstance(part, GatePart):
        return f"gate {part.gate} of {part.model}"
    return part.candidate if isinstance(part, ComparisonPart) else f"{part.first} and {part.second}"


def _missing(what: str, have: Sequence[str], wanted: Sequence[str]) -> str:
    absent, more = [name for name in wanted if name not in have], [name for name in have if name not in wanted]
    if absent:
        return f"its {absent[0]} is missing among the {what}" if what == "gates" else f"its {what} lack {absent[0]}"
    if more:
        return f"its {what} have {more[0][:200]}, which neither its configuration nor predictions.parquet gives"
    return f"its {what} are in another order, or listed twice"


def _stated(part: Any, only: set[str] | None = None) -> dict[str, Any]:
    """Return what a part of a record states, as plain values, without sentences and without what is empty."""
    plain: dict[str, Any] = part.model_dump(mode="json", include=only, exclude=None if only else set(_WORDS))
    flips = plain.get("flips")
    if isinstance(flips, dict) and flips.get("near_ties") is None:  # of an old record
        plain["flips"] = {key: value for key, value in flips.items() if key != "near_ties"}
    return {key: value for key, value in plain.items() if value not in ((), [])}
