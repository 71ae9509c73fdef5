"""The baseline file: counts and fingerprints of an accepted run, small enough to be read in a review."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

from harness import __version__
from harness.errors import BaselineError
from harness.record.recorded_config import RecordedConfig
from harness.record.schema import ComparisonPart, DatasetPart, ModelPart, PrecisionPart, RunRecord, Status
from harness.text import first_line

SCHEMA_VERSION = 1


class _Part(BaseModel):
    # Unlike the record's parts these forbid what they do not know: the file may be edited by hand.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Fingerprints(_Part):
    """What must be the same for two runs to be comparable; each a sha256 (hex).

    ``data``: the evaluated (image id, label) pairs in order; ``content``: the bytes of every evaluated image;
    ``preprocess``: the configured preprocessing; ``reference``: its file, input contract and output.
    """

    data: str
    content: str | None
    preprocess: str
    reference: str


class ModelRow(_Part):
    """One model's exact counts. ``broken``, ``fixed``: its Top-1 flips against the reference (null for itself).

    ``preprocess``: sha256 (hex) of its preprocessing if it is not the one of the fingerprints.
    """

    role: str
    device: str
    precision: PrecisionPart
    model_sha256: str
    images: Annotated[int, Field(ge=1)]
    top1_correct: NonNegativeInt
    top5_correct: NonNegativeInt
    broken: NonNegativeInt | None = None
    fixed: NonNegativeInt | None = None
    preprocess: str | None = None

    @model_validator(mode="after")
    def _counts_fit(self) -> ModelRow:
        if not self.top1_correct <= self.top5_correct <= self.images:
            raise ValueError("top1_correct <= top5_correct <= images does not hold")
        return self


class Baseline(_Part):
    """The counts of an accepted run. ``run_utc``: when that run started."""

    schema_version: Annotated[int, Field(ge=1)] = SCHEMA_VERSION
    name: str
    run_utc: str
    images: Annotated[int, Field(ge=1)]
    whole_set: NonNegativeInt
    fingerprints: Fingerprints
    preprocess: dict[str, Any]
    versions: dict[str, Any]
    models: dict[str, ModelRow]


@dataclass(frozen=True)
class CountedRun:
    """A run that evaluated everything, while it is judged: there is no record of it yet."""

    name: str
    dataset: DatasetPart
    models: tuple[ModelPart, ...]
    comparisons: tuple[ComparisonPart, ...]
    recorded_config: RecordedConfig
    folder: Path | None = None
    status: Status = "complete"
    error: str | None = None


FinishedRun = RunRecord | CountedRun


def baseline_of(record: RunRecord) -> Baseline:
    """Return the baseline of a finished run.

    An optional model whose device was not there has no counts and no row. Raises BaselineError if the run is
    incomplete, evaluated nothing, or lacks the counts of another model.
    """
    prints = fingerprints_of(record)
    return Baseline(
        name=record.name,
        run_utc=record.started_utc,
        images=record.dataset.evaluated,
        whole_set=record.dataset.images,
        fingerprints=prints,
        preprocess=configured_preprocess(record),
        versions={"harness": record.harness_version or __version__, **_versions(record)},
        models={model.id: row_of(record, model) for model in record.models if model.status != "unavailable"},
    )


def require_finished(run: FinishedRun) -> None:
    """Raise BaselineError unless the run is complete and evaluated something."""
    where = run.folder or run.name
    if run.status != "complete":
        why = f" ({first_line(run.error)})" if run.error else ""
        raise BaselineError(f"{where}: the run is '{run.status}', not complete{why}; run `harness validate` again")
    if run.dataset.evaluated == 0 or not run.models:
        raise BaselineError(
            f"{where}: the run evaluated nothing, but a baseline needs counts; run `harness validate` again"
        )


def fingerprints_of(run: FinishedRun) -> Fingerprints:
    """Return what identifies the run's data, preprocessing and reference. Raises BaselineError for unfinished runs."""
    require_finished(run)
    return Fingerprints(
        data=run.dataset.fingerprint,
        content=run.dataset.content_fingerprint,
        preprocess=_sha256(configured_preprocess(run)),
        reference=_sha256(_reference(run)),
    )


def reference_with_name(run: FinishedRun) -> str | None:
    """Return the reference's fingerprint as it was when an input without a name was recorded as `input`, else None."""
    found = _reference(run)
    fed = found["input"] if found else None
    return _sha256({**(found or {}), "input": {"name": "input", **fed}}) if isinstance(fed, dict) else None


def _reference(run: FinishedRun) -> dict[str, Any] | None:
    """Return what a run's reference is; None if it is configured to have none. Raises BaselineError."""
    reference = next((model for model in run.models if model.role == "reference"), None)
    configured = run.recorded_config.reference
    if reference is None and configured is None and run.recorded_config.candidates:
        return None
    if reference is None:
        raise BaselineError(f"{run.folder or run.name}: the run has no reference, but a baseline needs one")
    return {
        "sha256": reference.model_sha256,
        "input": configured.raw_input if configured else None,
        "output": configured.output if configured else None,
    }


def row_of(run: FinishedRun, model: ModelPart) -> ModelRow:
    """Return a model's counts. Raises BaselineError if it was not evaluated on every image."""
    evaluated = run.dataset.evaluated
    if model.top1 is None or model.top5 is None or model.top1.total != evaluated or model.top5.total != evaluated:
        raise BaselineError(f"{model.id}: has no counts over all {evaluated:,} evaluated images")
    compared = next((part for part in run.comparisons if part.candidate == model.id), None)
    return ModelRow(
        role=model.role,
        device=model.device,
        precision=model.precision,
        model_sha256=model.model_sha256,
        images=evaluated,
        top1_correct=model.top1.correct,
        top5_correct=model.top5.correct,
        broken=compared.flips.broken if compared else None,
        fixed=compared.flips.fixed if compared else None,
        preprocess=preprocess_fingerprint(run, model.id),
    )


def preprocess_fingerprint(run: FinishedRun, model: str) -> str | None:
    """Return the sha256 (hex) of how images became a model's pixels; None if the run's fingerprints have it."""
    configured = next((item for item in run.recorded_config.models if item.id == model), None)
    found = (configured and configured.preprocess) or run.recorded_config.dataset.preprocess
    return None if found is None or dict(found) == configured_preprocess(run) else _sha256(dict(found))


def configured_preprocess(run: FinishedRun) -> dict[str, Any]:
    """Return the reference's preprocessing, as configured: its own or the data set's."""
    configured = run.recorded_config.reference
    found = (configured and configured.preprocess) or run.recorded_config.dataset.preprocess
    if found is None:
        raise BaselineError(f"{run.folder or run.name}: the record does not say how images were preprocessed")
    return dict(found)


def _versions(record: RunRecord) -> dict[str, Any]:
    listed = record.environment.get("versions")
    python = {"python": record.environment["python"]} if "python" in record.environment else {}
    return {**python, **(listed if isinstance(listed, dict) else {})}


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
