"""The run record, `run.json`: the one source from which every report is rendered.

The field names are a contract. Percent and percentage points (pp) say so in their names; everything else in a rate is a
fraction or a count. A number that is not finite is never written: it is `null`, and a status or verdict says why.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, NonNegativeFloat, NonNegativeInt, PrivateAttr

from harness.errors import RecordError
from harness.record.predictions import read_predictions
from harness.record.recorded_config import RecordedConfig

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1

Status = Literal["complete", "incomplete", "error"]
Verdict = Literal["pass", "fail", "inconclusive", "not_applicable", "error"]
Role = Literal["reference", "candidate"]
Unit = Literal["%", "pp", "images", "probability", "seconds", ""]
Direction = Literal["at_most", "at_least"]
Interval = tuple[FiniteFloat, FiniteFloat]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


def _finite_number(value: Any) -> float | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return None
    return number if math.isfinite(number) else None


class BadImage(_Part):
    """An image that could not be evaluated, and why."""

    id: str
    reason: str


class DatasetPart(_Part):
    """What was evaluated."""

    name: str
    form: str
    images: NonNegativeInt = Field(description="Size of the whole set, as configured or as listed.")
    listed: NonNegativeInt = Field(description="Images that the list names.")
    evaluated: NonNegativeInt
    bad_images: tuple[BadImage, ...] = ()
    bad_images_policy: Literal["fail", "wrong", "skip"] = "fail"
    fingerprint: str = Field(description="sha256 over the evaluated (image id, label) pairs, in order.")
    content_fingerprint: str | None = Field(None, description="sha256 over the bytes of every evaluated image.")
    capsule: str | None = Field(
        None, description="Of images and reference answers that came in a capsule, what tells it from any other."
    )


class Accuracy(_Part):
    """An exact count of correct images."""

    correct: NonNegativeInt
    total: NonNegativeInt
    percent: FiniteFloat | None = Field(description="Percent; null where no image was evaluated.")
    ci95_percent: Interval | None = Field(description="Wilson 95 % interval, in percent.")


class PrecisionPart(_Part):
    """Inference precision: what was asked for, and what the compiled model reports."""

    requested: str
    effective: str


class PropertyPart(_Part):
    """A property of the backend: what was asked for, and what was read back; null where the backend does not tell."""

    requested: JsonValue
    effective: JsonValue = None


class Latency(_Part):
    """Latency of a request in milliseconds."""

    median: FiniteFloat
    percentile95: FiniteFloat
    requests: NonNegativeInt


class Measured(_Part):
    """A quantity over several rounds: the median, and the rounds that hold the true median with at least 95 %."""

    median: FiniteFloat
    ci95: Interval


class SpeedPart(_Part):
    """Speed measured alone, in turn with other candidates, after the evaluation.

    Throughput with as many requests as the backend keeps in flight; latency of one request at a time, of each round its
    median and its 95th percentile.
    """

    rounds: NonNegativeInt
    images: NonNegativeInt = Field(description="Images of a round's throughput.")
    images_per_second: Measured
    latency_median_ms: Measured
    latency_percentile95_ms: Measured


class PreprocessingPart(_Part):
    """How images became a model's pixels."""

    libraries: tuple[str, ...] = Field(description="Name and version of each library, the decoder first.")
    exif: Literal["ignore", "apply"]
    steps: tuple[dict[str, Any], ...] = Field(description="The steps with nothing left open, each with its `step`.")


class ModelPart(_Part):
    """A model and what it reached."""

    id: str
    role: Role
    backend: str
    device: str
    device_name: str
    precision: PrecisionPart
    model: str
    model_sha256: str
    details: dict[str, Any] = Field({}, description="What the backend says of itself: batch, streams, version, ...")
    top1: Accuracy | None
    top5: Accuracy | None
    images_per_second: FiniteFloat | None = Field(description="Images per second of inference; null when cached.")
    cached: bool = False
    status: Literal["ok", "error", "unavailable"] = Field(
        "ok", description="`error`: it failed while the others went on; `unavailable`: an optional device is absent."
    )
    error: str | None = None
    latency_ms: Latency | None = Field(
        None, description="Of a request, measured during the run while all cores are busy."
    )
    speed: SpeedPart | None = Field(None, description="Measured alone (`--speed`); null: only during the run.")
    model_bytes: NonNegativeInt | None = Field(None, description="Size of the model's files.")
    preprocessing: PreprocessingPart | None = Field(None, description="How images became its pixels.")
    properties: dict[str, PropertyPart] = Field({}, description="Properties set on the backend, by name.")
    hints: str = Field("pinned", description="`device`: the device keeps its own settings, as in production.")

    @property
    def rate(self) -> float | None:
        """Images per second, measured alone where that was done; None where nothing was measured."""
        if self.speed is not None:
            return self.speed.images_per_second.median
        return None if self.cached else self.images_per_second


class Agreement(_Part):
    """Images on which both models give the same Top-1 class."""

    count: NonNegativeInt
    total: NonNegativeInt
    percent: FiniteFloat | None


class Flips(_Part):
    """Images whose Top-1 correctness differs; `changed_wrong`: both wrong, with another class."""

    fixed: NonNegativeInt
    broken: NonNegativeInt
    changed_wrong: NonNegativeInt
    near_ties: NonNegativeInt | None = Field(
        None, description="Of the broken ones, near-ties of the reference; null in old records."
    )


class Drop(_Part):
    """Reference minus candidate, in percentage points; positive is a loss."""

    top1_pp: FiniteFloat | None
    top5_pp: FiniteFloat | None
    top1_ci95_pp: Interval | None = Field(description="Paired 95 % score interval (Tango 1998), in pp.")
    top5_ci95_pp: Interval | None = None
    top1_p_value: FiniteFloat | None = Field(description="Exact two-sided McNemar test on the flips.")


class ComparisonPart(_Part):
    """A candidate against the reference on the same images."""

    reference: str
    candidate: str
    top1_agreement: Agreement
    flips: Flips
    drop: Drop
    max_abs_diff: FiniteFloat | None = Field(description="Largest absolute difference of any probability.")
    mean_abs_diff: FiniteFloat | None = Field(description="Mean absolute difference over all probabilities.")
    worst_image: str | None = None


class PairPart(_Part):
    """Agreement of two candidates with each other."""

    first: str
    second: str
    top1_agreement: Agreement


class Figure(_Part):
    """A measured value with its unit and its limit.

    ``name``, ``limit_name``: its keys in the gate's `measured` and `limit`. ``direction``: on which side of the limit a
    value passes, the limit itself included; None: nothing is judged by it (a count of images, a confidence).
    """

    name: str
    value: JsonValue = Field(description="A finite number; null where nothing was measured, or no finite number.")
    unit: Unit
    limit: JsonValue = None
    limit_name: str | None = None
    direction: Direction | None = None

    @property
    def is_setting(self) -> bool:
        """Whether it is only asked for and never measured, as a confidence is; it has no key in `measured`."""
        return self.value is None and self.direction is None and self.unit != "images"

    @property
    def number(self) -> float | None:
        """The value as a finite number; None where it is something else."""
        return _finite_number(self.value)

    @property
    def bound(self) -> float | None:
        """The limit as a finite number; None where it is something else."""
        return _finite_number(self.limit)

    @property
    def is_beyond(self) -> bool:
        """Whether the value lies on the wrong side of its limit; False where there are no two numbers to compare."""
        if self.number is None or self.bound is None or self.direction is None:
            return False
        return self.number < self.bound if self.direction == "at_least" else self.number > self.bound


class GatePart(_Part):
    """A gate's verdict on one model. The keys of `measured` and `limit` carry their units.

    ``figures``: the same numbers with unit and direction; old records have none, and
    :func:`harness.record.figures.figures_of` derives them.
    """

    gate: str
    model: str
    verdict: Verdict
    measured: dict[str, Any] | None = None
    limit: dict[str, Any] | None = None
    figures: tuple[Figure, ...] = ()
    reason: str
    warning: str | None = None


class MatrixPart(_Part):
    """All candidates side by side: which may ship, and the best of those. docs/reports.md has the definition."""

    order: tuple[str, ...] = Field(description="Every candidate's id: those that may ship first, the best on top.")
    best: str | None = Field(description="Null where no candidate may ship.")
    may_ship: tuple[str, ...] = Field(description="Candidates that passed a gate and failed none, in order.")
    reason: str = Field(description="Why this one is the best, or why none may ship.")


class Moved(_Part):
    """An image whose later answer was another one; null: a number that is not finite."""

    image: str
    max_abs_diff: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)] | None


class StabilityPass(_Part):
    """The same images with one change: how far the answers are from the first ones.

    ``change``: `again` | `order` | `batch` | `in_flight` | `later`; ``note``: why it was not tried; ``became``: what
    the model says of itself otherwise than at first.
    """

    change: str
    max_abs_diff: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)] | None = Field(
        None, description="Largest difference of a probability; null: not tried, or no finite number."
    )
    differing: NonNegativeInt = Field(0, description="Images with any difference.")
    worst: tuple[Moved, ...] = Field((), description="The images that differ most, the worst first.")
    note: str | None = None
    became: tuple[str, ...] = ()


class StabilityPart(_Part):
    """A candidate asked several times for the same images, loaded anew and alone.

    ``absent``: why it was not asked: only another machine has its device.
    """

    model: str
    images: NonNegativeInt
    passes: tuple[StabilityPass, ...] = ()
    error: str | None = None
    absent: str | None = None


class InputChange(_Part):
    """A change of a candidate's input, and how much of it is in the error of its own network without rounding.

    ``share``: 1 where the change takes the error away, around 0 where it has nothing to do with it; ``uncertainty``:
    its standard error over the images.
    """

    change: str
    share: Annotated[float, Field(allow_inf_nan=False)]
    uncertainty: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)]


class YardstickPart(_Part):
    """What rounding to a precision does to a candidate's own network, which its gate `parity` is judged by.

    ``errors``: of each image that the gate looks at, the mean absolute difference over all probabilities;
    ``input_changes``: empty where the reference's answers could not be had again, and in old records.
    """

    model: str
    yardstick: str
    errors: tuple[Annotated[NonNegativeFloat, Field(allow_inf_nan=False)], ...] = ()
    input_changes: tuple[InputChange, ...] = ()
    error: str | None = Field(None, description="Why there is none.")


class DiagnosisPart(_Part):
    """What is likely wrong with a candidate that a gate failed: the cause, or where to look for it.

    ``cause``: an identifier of docs/diagnose.md; null where the quick look did not find one.
    """

    model: str
    cause: str | None = None
    sentence: str = Field(description="What was found, with its evidence and the fix; or the command that finds it.")
    mend: str | None = Field(None, description="The fix alone; null where the cause is unknown, and in old records.")


class RunRecord(_Part):
    """A run: what was asked, what was found, and the verdict."""

    schema_version: Annotated[int, Field(ge=1)] = SCHEMA_VERSION
    harness_version: str
    name: str
    status: Status
    exit_code: int
    error: str | None = None
    warnings: tuple[str, ...] = ()
    started_utc: str
    command: tuple[str, ...] = ()
    config_file: str | None = None
    config: dict[str, Any]
    environment: dict[str, Any]
    dataset: DatasetPart
    models: tuple[ModelPart, ...] = ()
    comparisons: tuple[ComparisonPart, ...] = ()
    pairwise: tuple[PairPart, ...] = Field((), description="Agreement of the candidates with each other.")
    gates: tuple[GatePart, ...] = ()
    matrix: MatrixPart | None = Field(
        None, description="Null in records of runs that did not complete, and in old ones."
    )
    diagnosis: tuple[DiagnosisPart, ...] = Field(
        (), description="Of every candidate that a gate failed; empty in old records, and where no diagnosis ran."
    )
    stability: tuple[StabilityPart, ...] = Field(
        (), description="Of every candidate whose gate `stability` is on, what the verdict rests on."
    )
    yardsticks: tuple[YardstickPart, ...] = Field(
        (), description="Of every candidate whose gate `parity` is judged by a precision, what the verdict rests on."
    )
    timing: dict[str, FiniteFloat | None] = {}

    _folder: Path | None = PrivateAttr(None)

    @property
    def recorded_config(self) -> RecordedConfig:
        """The configuration, typed; a missing key or a wrong type gives None."""
        return RecordedConfig.of(self.config)

    @property
    def folder(self) -> Path | None:
        """The folder that the record was written to or read from."""
        return self._folder

    @property
    def stored_in(self) -> Path:
        """The folder that the record was written to or read from. Raises RecordError where it was neither."""
        if self._folder is None:
            raise RecordError("this record was never written to a folder")
        return self._folder

    def in_folder(self, folder: Path) -> RunRecord:
        """Return the same record, knowing its folder."""
        known = self.model_copy()
        known._folder = folder  # noqa: SLF001
        return known

    def to_pandas(self) -> pd.DataFrame:
        """Return the per-image table, one row an image, with the columns of ``predictions.parquet``.

        Raises RecordError where the run has no such table.
        """
        table = read_predictions(self._folder) if self._folder else None
        if table is None:
            raise RecordError(f"{self._folder or 'this record'}: has no per-image table")
        frame: pd.DataFrame = table.to_pandas()
        return frame
