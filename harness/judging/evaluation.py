"""What is judged, and the judgement: plain data on both sides of :func:`harness.judging.judge.judge`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from harness.backends.base import Loaded, ModelSpec
from harness.config import Candidate, Config, Reference
from harness.dataset.manifest import Manifest
from harness.record.schema import (
    ComparisonPart,
    DatasetPart,
    GatePart,
    MatrixPart,
    ModelPart,
    PairPart,
    Role,
    StabilityPart,
    YardstickPart,
)
from harness.record.shard_table import Failure, ShardTable


@dataclass(frozen=True)
class EvaluatedModel:
    """A configured model. ``reported``: what it states about itself, None if it never loaded and is not cached.

    ``sha256``, ``bytes``: digest and size of its files; ``contract``: what its file states about its own input, if it
    does.
    """

    configured: Reference | Candidate
    spec: ModelSpec
    sha256: str
    bytes: int
    reported: Loaded | None = None
    failure: Failure | None = None
    contract: Mapping[str, Any] | None = None

    @property
    def id(self) -> str:
        """The model's id."""
        return self.configured.id

    @property
    def role(self) -> Role:
        """Whether it is the reference or a candidate."""
        return "candidate" if isinstance(self.configured, Candidate) else "reference"

    @property
    def precision(self) -> str:
        """The effective precision where the model reported it, else the requested one."""
        return self.reported.effective_precision if self.reported else self.spec.precision


@dataclass(frozen=True)
class ImageFacts:
    """The image set: its form, how many images its list names, and the rows to evaluate, in order.

    ``capsule``: sha256 of the capsule that they come from. ``libraries``: those that made each model's pixels, by its
    id; a missing model has those of this machine.
    """

    form: str
    listed: int
    manifest: Manifest
    capsule: str | None = None
    class_names_sha256: str | None = None
    libraries: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """Everything that a verdict rests on.

    ``models``: in the configuration's order, the reference first. ``tables``: the finished shards, in any order.
    ``bad``: the reason of each bad image by its row, in addition to those in the tables. ``certified``: the verdict of
    the gate `certify` by candidate; None if nothing is certified. ``stability``, ``yardsticks``: what was measured, by
    candidate.
    """

    config: Config
    images: ImageFacts
    models: tuple[EvaluatedModel, ...]
    tables: tuple[ShardTable, ...]
    bad: Mapping[int, str] = field(default_factory=dict)
    certified: Mapping[str, GatePart] | None = None
    stability: Mapping[str, StabilityPart] = field(default_factory=dict)
    yardsticks: Mapping[str, YardstickPart] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """The verdict on an evaluation, in parts of the record; ``predictions``: the per-image table."""

    exit_code: int
    dataset: DatasetPart
    models: tuple[ModelPart, ...]
    gates: tuple[GatePart, ...]
    predictions: pa.Table
    comparisons: tuple[ComparisonPart, ...] = ()
    pairwise: tuple[PairPart, ...] = ()
    matrix: MatrixPart | None = None
