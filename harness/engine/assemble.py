"""From shard tables to the record and the per-image table: exact sums over rows, whichever way the tables were made."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from harness.config import Candidate, Config
from harness.dataset.image_set import ImageSet
from harness.dataset.manifest import Manifest
from harness.engine.lane import Lane
from harness.engine.plan import PlannedModel
from harness.judging.comparison import accuracy, agreement, compare
from harness.judging.gates import Judged, errors_for, judge
from harness.metrics.outcome import Outcome, empty_outcome
from harness.record.schema import (
    BadImage,
    ComparisonPart,
    DatasetPart,
    GatePart,
    Latency,
    ModelPart,
    PairPart,
    PrecisionPart,
    Verdict,
)
from harness.record.shard_table import ShardTable, merge_outcomes, outcome_columns


class Results:
    """Everything that the tables say. ``tables``: the finished shards, in any order; ``bad``: reasons by row."""

    def __init__(
        self,
        config: Config,
        images: ImageSet,
        planned: Sequence[PlannedModel],
        lanes: Sequence[Lane],
        tables: Sequence[ShardTable],
        bad: dict[int, str],
    ) -> None:
        self._config, self._planned, self._lanes = config, planned, lanes
        self._tables = sorted(tables, key=lambda table: table.rows.start)
        self._bad = dict(bad)
        for table in self._tables:
            self._bad.update(table.bad)
        self._images = images
        manifest = images.manifest
        rows = np.concatenate([np.arange(table.rows.start, table.rows.stop) for table in self._tables] or [_NO_ROWS])
        skipping = config.dataset.bad_images.policy == "skip"
        self._kept = np.array([not (skipping and int(row) in self._bad) for row in rows], np.bool_)
        self.rows = rows[self._kept]
        self.evaluated = Manifest(
            tuple(manifest.image_ids[row] for row in self.rows), manifest.labels[self.rows].astype(np.int32)
        )
        self._live = [item for item, lane in zip(planned, lanes, strict=True) if lane.failure is None]
        self.outcomes: dict[str, Outcome] = {item.model.id: self._outcome(item.model.id) for item in self._live}

    def _outcome(self, model: str) -> Outcome:
        return merge_outcomes(self._tables, model)[self._kept] if self._tables else empty_outcome()

    @property
    def whole_set(self) -> int:
        """Size of the whole set, without images that are left out by the policy `skip`."""
        left_out = int((~self._kept).sum())
        return (self._config.dataset.images or self._images.listed) - left_out

    @property
    def good(self) -> int:
        """How many of the evaluated rows the models saw; bad images may count as wrong, but decide nothing."""
        return sum(int(row) not in self._bad for row in self.rows)

    def dataset(self) -> DatasetPart:
        """Return the record's part on the data."""
        every = (digest for table in self._tables for digest in table.image_digests)
        digests = [digest for digest, kept in zip(every, self._kept, strict=True) if kept]
        return DatasetPart(
            name=self._config.dataset.path.name,
            form=self._images.form,
            images=self._config.dataset.images or self._images.listed,
            listed=self._images.listed,
            evaluated=len(self.rows),
            bad_images=tuple(
                BadImage(id=self._images.manifest.image_ids[row], reason=reason)
                for row, reason in sorted(self._bad.items())
            ),
            bad_images_policy=self._config.dataset.bad_images.policy,
            fingerprint=self.evaluated.fingerprint(),
            content_fingerprint=hashlib.sha256(b"".join(digests)).hexdigest() if digests else None,
        )

    def models(self) -> tuple[ModelPart, ...]:
        """Return every model with its counts; those whose model never loaded and is not cached are left out."""
        return tuple(
            self._failed(item, lane) if lane.failure else self._model(item, lane)
            for item, lane in zip(self._planned, self._lanes, strict=True)
            if lane.known or lane.failure
        )

    def _failed(self, item: PlannedModel, lane: Lane) -> ModelPart:
        return ModelPart(
            id=item.model.id,
            role="candidate" if item.role == "candidate" else "reference",
            backend=lane.loaded.backend if lane.known else item.model.backend,
            device=item.spec.device,
            device_name=lane.loaded.device_name if lane.known else item.spec.device,
            precision=PrecisionPart(
                requested=item.spec.precision, effective=lane.loaded.effective_precision if lane.known else "unknown"
            ),
            model=str(item.model.model),
            model_sha256=item.sha256,
            top1=None,
            top5=None,
            images_per_second=None,
            status="unavailable" if lane.unavailable else "error",
            error=str(lane.failure),
            model_bytes=item.bytes,
        )

    def _model(self, item: PlannedModel, lane: Lane) -> ModelPart:
        outcome = self.outcomes[item.model.id]
        seconds = math.fsum(table.seconds.get(item.model.id, 0.0) for table in self._tables)
        inferred = sum(len(t.rows) - len(t.bad) for t in self._tables if item.model.id in t.seconds)
        loaded = lane.loaded
        return ModelPart(
            id=item.model.id,
            role="candidate" if item.role == "candidate" else "reference",
            backend=loaded.backend,
            device=loaded.device,
            device_name=loaded.device_name,
            precision=PrecisionPart(requested=item.spec.precision, effective=loaded.effective_precision),
            model=str(item.model.model),
            model_sha256=item.sha256,
            details=loaded.details,
            top1=accuracy(outcome, 1),
            top5=accuracy(outcome, 5),
            images_per_second=inferred / seconds if seconds > 0 else None,
            cached=bool(self._tables) and all(item.model.id in table.cached for table in self._tables),
            latency_ms=self._latency(item.model.id),
            model_bytes=item.bytes,
        )

    def _latency(self, model: str) -> Latency | None:
        measured = [value for table in self._tables for value in table.latencies.get(model, [])]
        if not measured:
            return None
        median, high = np.percentile(measured, [50, 95])
        return Latency(median=float(median), percentile95=float(high), requests=len(measured))

    def comparisons(self) -> tuple[ComparisonPart, ...]:
        """Return every candidate's comparison with the reference."""
        if not self._tables:
            return ()
        reference = self._config.reference.id
        return tuple(
            compare(reference, self.outcomes[reference], item.id, self.outcomes[item.id], self.evaluated.image_ids)
            for item in self._config.candidates
            if item.id in self.outcomes
        )

    def pairwise(self) -> tuple[PairPart, ...]:
        """Return the agreement of every two candidates."""
        if not self._tables:
            return ()
        ids = [item.id for item in self._config.candidates if item.id in self.outcomes]
        return tuple(
            PairPart(first=a, second=b, top1_agreement=agreement(self.outcomes[a], self.outcomes[b]))
            for a, b in itertools.combinations(ids, 2)
        )

    def gates(self) -> tuple[GatePart, ...]:
        """Return the verdicts of every gate on every model."""
        parts: list[GatePart] = []
        for item, lane in zip(self._planned, self._lanes, strict=True):
            candidate = item.model if isinstance(item.model, Candidate) else None
            if lane.failure:
                verdict: Verdict = "not_applicable" if lane.unavailable else "error"
                reason = str(lane.failure).splitlines()[0].removeprefix(f"{item.model.id}: ")
                parts += errors_for([item.model.id], [item.model.id], reason, verdict)
                continue
            judged = Judged(
                model=item.model.id,
                outcome=self.outcomes[item.model.id],
                reference=self.outcomes[self._config.reference.id] if candidate else None,
                precision=lane.loaded.effective_precision if lane.known else item.spec.precision,
                whole_set=self.whole_set,
            )
            parts += judge(judged, self._config.gates_for(candidate), self._config.published)
        return tuple(parts)

    def predictions(self) -> pa.Table:
        """Return the per-image table of the record."""
        columns: dict[str, Any] = {
            "image_id": pa.array(self.evaluated.image_ids, pa.string()),
            "label": pa.array(self.evaluated.labels),
        }
        return pa.table(columns | outcome_columns(self.outcomes))


_NO_ROWS = np.empty(0, np.int64)
