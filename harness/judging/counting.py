"""From shard tables to counts: exact sums over rows, regardless of how the tables were made."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.backends.base import Loaded
from harness.dataset.manifest import Manifest
from harness.disk.arrow_arrays import numbers, texts
from harness.feeding.recorded import recorded
from harness.judging.comparison import accuracy, agreement, by_chance, compare
from harness.judging.evaluation import EvaluatedModel, Evaluation
from harness.judging.rules import Rules
from harness.metrics.outcome import Outcome, empty_outcome
from harness.record.schema import (
    BadImage,
    ComparisonPart,
    DatasetPart,
    Latency,
    ModelPart,
    PairPart,
    PrecisionPart,
    PreprocessingPart,
    PropertyPart,
)
from harness.record.shard_table import Failure, ShardTable, merge_outcomes, outcome_columns

_NO_ROWS = np.empty(0, np.int64)


@dataclass(frozen=True)
class Rows:
    """The evaluated rows of all shards, in manifest order.

    ``tables``: in that order; ``kept``: bool, which of their rows count (the policy `skip` leaves bad images out);
    ``rows``: int64, the kept rows of the manifest; ``evaluated``: their ids and labels; ``bad``: every reason by row;
    ``outcomes``: the kept rows of each model that did not fail; ``whole_set``: size of the whole set, from
    which images that are left out are missing.
    """

    tables: tuple[ShardTable, ...]
    kept: NDArray[np.bool_]
    rows: NDArray[np.int64]
    evaluated: Manifest
    bad: dict[int, str]
    outcomes: dict[str, Outcome]
    whole_set: int

    @property
    def good(self) -> int:
        """How many of the evaluated rows the models saw; bad images may count as wrong, but decide nothing."""
        return sum(int(row) not in self.bad for row in self.rows)

    @property
    def is_whole_set(self) -> bool:
        """Whether no image of the whole set is missing."""
        return len(self.rows) == self.whole_set


def merged_rows(evaluation: Evaluation) -> Rows:
    """Merge the shard tables of an evaluation."""
    config, images = evaluation.config, evaluation.images
    tables = tuple(sorted(evaluation.tables, key=lambda table: table.rows.start))
    bad = dict(evaluation.bad)
    for table in tables:
        bad.update(table.bad)
    every = np.concatenate([np.arange(table.rows.start, table.rows.stop) for table in tables] or [_NO_ROWS])
    skipping = config.dataset.bad_images.policy == "skip"
    kept = np.array([not (skipping and int(row) in bad) for row in every], np.bool_)
    rows = every[kept]
    manifest = images.manifest
    return Rows(
        tables=tables,
        kept=kept,
        rows=rows,
        evaluated=Manifest(tuple(manifest.image_ids[row] for row in rows), manifest.labels[rows].astype(np.int32)),
        bad=bad,
        outcomes={
            model.id: merge_outcomes(tables, model.id)[kept] if tables else empty_outcome()
            for model in evaluation.models
            if model.failure is None
        },
        whole_set=config.dataset.images or images.listed,
    )


def dataset_part(evaluation: Evaluation, rows: Rows) -> DatasetPart:
    """Return the record's part on the data."""
    config, images = evaluation.config, evaluation.images
    every = (digest for table in rows.tables for digest in table.image_digests)
    digests = [digest for digest, kept in zip(every, rows.kept, strict=True) if kept]
    return DatasetPart(
        name=config.dataset.path.name,
        form=images.form,
        images=config.dataset.images or images.listed,
        listed=images.listed,
        evaluated=len(rows.rows),
        bad_images=tuple(
            BadImage(id=images.manifest.image_ids[row], reason=reason) for row, reason in sorted(rows.bad.items())
        ),
        bad_images_policy=config.dataset.bad_images.policy,
        fingerprint=rows.evaluated.fingerprint(),
        content_fingerprint=hashlib.sha256(b"".join(digests)).hexdigest() if digests else None,
        class_names_sha256=images.class_names_sha256,
        capsule=images.capsule,
    )


def model_parts(evaluation: Evaluation, rows: Rows) -> tuple[ModelPart, ...]:
    """Return every model with its counts; one that never loaded, is not cached and did not fail is left out."""
    return tuple(part for model in evaluation.models if (part := _model_part(model, rows, evaluation)) is not None)


def _model_part(model: EvaluatedModel, rows: Rows, evaluation: Evaluation) -> ModelPart | None:
    if model.failure is not None:
        part = _failed(model, model.failure)
    elif model.reported is not None:
        part = _counted(model, model.reported, rows)
    else:
        return None
    made = recorded(evaluation.config.preprocess_for(model.configured))
    if model.id in evaluation.images.libraries:
        made["libraries"] = evaluation.images.libraries[model.id]
    update: dict[str, Any] = {
        "model": evaluation.config.shown(model.configured.model),
        "preprocessing": PreprocessingPart.model_validate(made),
        "hints": model.spec.hints,
    }
    if model.reported is not None:
        update["properties"] = {
            name: PropertyPart.model_validate(pair) for name, pair in model.reported.properties.items()
        }
    if model.contract is not None:
        update["details"] = {**part.details, "contract": dict(model.contract)}
    return part.model_copy(update=update)


def _failed(model: EvaluatedModel, failure: Failure) -> ModelPart:
    reported = model.reported
    return ModelPart(
        id=model.id,
        role=model.role,
        backend=reported.backend if reported else model.configured.backend,
        device=model.spec.device,
        device_name=reported.device_name if reported else model.spec.device,
        precision=PrecisionPart(
            requested=model.spec.precision, effective=reported.effective_precision if reported else "unknown"
        ),
        model=str(model.configured.model),
        model_sha256=model.sha256,
        top1=None,
        top5=None,
        images_per_second=None,
        status="unavailable" if failure.unavailable else "error",
        error=failure.message,
        model_bytes=model.bytes,
    )


def _counted(model: EvaluatedModel, reported: Loaded, rows: Rows) -> ModelPart:
    outcome = rows.outcomes[model.id]
    seconds = math.fsum(table.seconds.get(model.id, 0.0) for table in rows.tables)
    inferred = sum(
        table.inferred.get(model.id, len(table.rows) - len(table.bad))
        for table in rows.tables
        if model.id in table.seconds
    )
    return ModelPart(
        id=model.id,
        role=model.role,
        backend=reported.backend,
        device=reported.device,
        device_name=reported.device_name,
        precision=PrecisionPart(requested=model.spec.precision, effective=reported.effective_precision),
        model=str(model.configured.model),
        model_sha256=model.sha256,
        details=reported.details,
        top1=accuracy(outcome, 1),
        top5=accuracy(outcome, 5),
        chance=by_chance(outcome, rows.evaluated.labels),
        images_per_second=inferred / seconds if seconds > 0 else None,
        cached=bool(rows.tables) and all(model.id in table.cached for table in rows.tables),
        latency_ms=_latency(rows, model.id),
        model_bytes=model.bytes,
    )


def _latency(rows: Rows, model: str) -> Latency | None:
    measured = [value for table in rows.tables for value in table.latencies.get(model, [])]
    if not measured:
        return None
    median, high = np.percentile(measured, [50, 95])
    return Latency(median=float(median), percentile95=float(high), requests=len(measured))


def comparison_parts(
    rules: Rules, outcomes: Mapping[str, Outcome], image_ids: tuple[str, ...]
) -> tuple[ComparisonPart, ...]:
    """Return every candidate's comparison with the reference, or without one with the first candidate.

    ``outcomes``: rows of the same images, whose ids are given, by model; models that failed have none.
    """
    first = rules.compared_with
    if first not in outcomes:
        return ()
    return tuple(
        compare(first, outcomes[first], name, outcomes[name], image_ids)
        for name in rules.candidates
        if name in outcomes and name != first
    )


def pair_parts(rules: Rules, outcomes: Mapping[str, Outcome]) -> tuple[PairPart, ...]:
    """Return the agreement of every two candidates that have rows."""
    compared = [name for name in rules.candidates if name in outcomes]
    return tuple(
        PairPart(first=a, second=b, top1_agreement=agreement(outcomes[a], outcomes[b]))
        for a, b in itertools.combinations(compared, 2)
    )


def predictions_table(rows: Rows) -> pa.Table:
    """Return the per-image table of the record."""
    columns: dict[str, Any] = {
        "image_id": texts(rows.evaluated.image_ids),
        "label": numbers(rows.evaluated.labels),
    }
    return pa.table(columns | outcome_columns(rows.outcomes))
