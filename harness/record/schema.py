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

    id: str = Field(description="Id of the image.")
    reason: str = Field(description="Why the image could not be evaluated.")


class DatasetPart(_Part):
    """The evaluated image set."""

    name: str = Field(description="Name of the image set.")
    form: str = Field(description="The recognised or configured form.")
    images: NonNegativeInt = Field(description="Size of the whole set, as configured or as listed.")
    listed: NonNegativeInt = Field(description="Number of listed images.")
    evaluated: NonNegativeInt = Field(description="Number of evaluated images.")
    bad_images: tuple[BadImage, ...] = Field((), description="Images that could not be evaluated.")
    bad_images_policy: Literal["fail", "wrong", "skip"] = Field(
        "fail", description="The configured `dataset.bad_images.policy`."
    )
    fingerprint: str = Field(description="sha256 over the evaluated (image id, label) pairs, in order.")
    content_fingerprint: str | None = Field(None, description="sha256 over the bytes of every evaluated image.")
    class_names_sha256: str | None = Field(
        None, description="sha256 of the file of class names; reports read only a file with this digest."
    )
    capsule: str | None = Field(
        None, description="Identifier of the capsule that the images and the reference's predictions came from."
    )


class Accuracy(_Part):
    """An exact count of correct images."""

    correct: NonNegativeInt = Field(description="Number of correct images.")
    total: NonNegativeInt = Field(description="Number of counted images.")
    percent: FiniteFloat | None = Field(description="Percent; null where no image was evaluated.")
    ci95_percent: Interval | None = Field(description="Wilson 95 % interval, in percent.")


class PrecisionPart(_Part):
    """Inference precision: the requested one, and the one that the compiled model reports."""

    requested: str = Field(description="The configured precision.")
    effective: str = Field(description="The precision that the compiled model reports.")


class PropertyPart(_Part):
    """A property of the backend: the requested and the effective value."""

    requested: JsonValue = Field(description="The configured value.")
    effective: JsonValue = Field(
        None, description="The value that was read back; null if the backend does not report it."
    )


class Latency(_Part):
    """Latency of a request in milliseconds."""

    median: FiniteFloat = Field(description="Median, in milliseconds.")
    percentile95: FiniteFloat = Field(description="95th percentile, in milliseconds.")
    requests: NonNegativeInt = Field(description="Number of measured requests.")


class Measured(_Part):
    """A quantity over several rounds: median and 95 % interval."""

    median: FiniteFloat = Field(description="Median of the rounds.")
    ci95: Interval = Field(description="The true median is between these rounds, with at least 95 % confidence.")


class SpeedPart(_Part):
    """Speed measured after the evaluation: each candidate alone, in turn.

    Throughput is measured with as many requests as the backend keeps in flight, latency with one request at a time.
    """

    rounds: NonNegativeInt = Field(description="Number of rounds.")
    images: NonNegativeInt = Field(description="Number of images per round for the throughput.")
    images_per_second: Measured = Field(description="Throughput, in images per second.")
    latency_median_ms: Measured = Field(description="Median latency of a request, in milliseconds.")
    latency_percentile95_ms: Measured = Field(description="95th percentile of the latency, in milliseconds.")


class PreprocessingPart(_Part):
    """How images became a model's pixels."""

    libraries: tuple[str, ...] = Field(description="Name and version of each library, the decoder first.")
    exif: Literal["ignore", "apply"] = Field(description="Whether the EXIF orientation was applied.")
    steps: tuple[dict[str, Any], ...] = Field(description="The resolved steps, each with its name in `step`.")


class ChancePart(_Part):
    """What the Top-1 predictions of a model would be worth if they were assigned to the images in random order."""

    images: NonNegativeInt = Field(description="Number of images that the model saw.")
    expected_correct: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)] = Field(
        description="Mean number of correct images over all orders."
    )
    standard_deviation: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)] = Field(
        description="Standard deviation of that number."
    )
    other_labels: NonNegativeInt = Field(description="Number of images without the most frequent label.")
    same_probabilities: bool = Field(
        description="Whether the five best probabilities are the same for every image, and the best is below 0.99."
    )


class ModelPart(_Part):
    """A model and its results."""

    id: str = Field(description="The model's id.")
    role: Role = Field(description="Reference or candidate.")
    backend: str = Field(description="The framework and its version, as far as it was loaded.")
    device: str = Field(description="The configured device.")
    device_name: str = Field(description="Full name of the device.")
    precision: PrecisionPart = Field(description="Requested and effective precision.")
    model: str = Field(description="The model's path or URL.")
    model_sha256: str = Field(description="sha256 over the model's files.")
    details: dict[str, Any] = Field({}, description="What the backend reports: batch, streams, threads and so on.")
    top1: Accuracy | None = Field(description="Top-1 accuracy; null if the model was not evaluated.")
    top5: Accuracy | None = Field(description="Top-5 accuracy; null if the model was not evaluated.")
    chance: ChancePart | None = Field(
        None, description="The accuracy that is due to chance; null if not evaluated, and in old records."
    )
    images_per_second: FiniteFloat | None = Field(description="Images per second of inference; null if cached.")
    cached: bool = Field(False, description="Whether all predictions came from the cache.")
    status: Literal["ok", "error", "unavailable"] = Field(
        "ok", description="`error`: the model failed; `unavailable`: the device of an optional candidate is absent."
    )
    error: str | None = Field(None, description="Why the model was not evaluated.")
    latency_ms: Latency | None = Field(
        None, description="Latency of a request, measured during the run while all cores are busy."
    )
    speed: SpeedPart | None = Field(None, description="Speed measured alone (`--speed`); null if not measured.")
    model_bytes: NonNegativeInt | None = Field(None, description="Size of the model's files.")
    preprocessing: PreprocessingPart | None = Field(None, description="How images became this model's pixels.")
    properties: dict[str, PropertyPart] = Field({}, description="Properties set on the backend, by name.")
    hints: str = Field("pinned", description="The configured `hints`: `pinned` or `device`.")

    @property
    def rate(self) -> float | None:
        """Images per second, measured alone where that was done; None if nothing was measured."""
        if self.speed is not None:
            return self.speed.images_per_second.median
        return None if self.cached else self.images_per_second


class Agreement(_Part):
    """Images on which both models give the same Top-1 class."""

    count: NonNegativeInt = Field(description="Number of images with the same Top-1 class.")
    total: NonNegativeInt = Field(description="Number of compared images.")
    percent: FiniteFloat | None = Field(description="Percent; null if no image was compared.")


class Flips(_Part):
    """Images whose Top-1 correctness or class differs."""

    fixed: NonNegativeInt = Field(description="Wrong in the reference, correct in the candidate.")
    broken: NonNegativeInt = Field(description="Correct in the reference, wrong in the candidate.")
    changed_wrong: NonNegativeInt = Field(description="Wrong in both, with different classes.")
    near_ties: NonNegativeInt | None = Field(
        None, description="How many of the broken images are near-ties of the reference; null in old records."
    )


class Drop(_Part):
    """Reference minus candidate, in percentage points; positive is a loss."""

    top1_pp: FiniteFloat | None = Field(description="Drop of Top-1.")
    top5_pp: FiniteFloat | None = Field(description="Drop of Top-5.")
    top1_ci95_pp: Interval | None = Field(description="Paired 95 % score interval (Tango 1998), in pp.")
    top5_ci95_pp: Interval | None = Field(None, description="The same interval for Top-5.")
    top1_p_value: FiniteFloat | None = Field(description="Exact two-sided McNemar test on the flips.")


class ComparisonPart(_Part):
    """A candidate compared with the reference on the same images."""

    reference: str = Field(description="Id of the reference.")
    candidate: str = Field(description="Id of the candidate.")
    top1_agreement: Agreement = Field(description="Images with the same Top-1 class.")
    flips: Flips = Field(description="Images whose Top-1 correctness differs.")
    drop: Drop
    max_abs_diff: FiniteFloat | None = Field(description="Largest absolute difference of any probability.")
    mean_abs_diff: FiniteFloat | None = Field(description="Mean absolute difference over all probabilities.")
    worst_image: str | None = Field(None, description="Id of the image with the largest difference.")


class PairPart(_Part):
    """Agreement of two candidates with each other."""

    first: str = Field(description="Id of a candidate.")
    second: str = Field(description="Id of the other candidate.")
    top1_agreement: Agreement = Field(description="Images with the same Top-1 class.")


class Figure(_Part):
    """A measured value with its unit and its limit.

    A value equal to its limit passes. Some values are not judged, such as a count of images or a confidence.
    """

    name: str = Field(description="Its key in the gate's `measured`.")
    value: JsonValue = Field(description="The measured value; null if nothing was measured or the value is not finite.")
    unit: Unit = Field(description="Unit of value and limit.")
    limit: JsonValue = Field(None, description="The limit; null if there is none.")
    limit_name: str | None = Field(None, description="Its key in the gate's `limit`.")
    direction: Direction | None = Field(
        None, description="Which side of the limit passes; null if the value is not judged."
    )

    @property
    def is_setting(self) -> bool:
        """Whether it is only a setting and never measured, such as a confidence; it has no key in `measured`."""
        return self.value is None and self.direction is None and self.unit != "images"

    @property
    def number(self) -> float | None:
        """The value as a finite number; None if it is something else."""
        return _finite_number(self.value)

    @property
    def bound(self) -> float | None:
        """The limit as a finite number; None if it is something else."""
        return _finite_number(self.limit)

    @property
    def is_beyond(self) -> bool:
        """Whether the value is on the wrong side of its limit; False if there are no two numbers to compare."""
        if self.number is None or self.bound is None or self.direction is None:
            return False
        return self.number < self.bound if self.direction == "at_least" else self.number > self.bound


class GatePart(_Part):
    """A gate's verdict on one model.

    Old records have no ``figures``; :func:`harness.record.figures.figures_of` derives them.
    """

    gate: str = Field(description="Name of the gate.")
    model: str = Field(description="Id of the judged model.")
    verdict: Verdict = Field(description="The verdict.")
    measured: dict[str, Any] | None = Field(None, description="Measured numbers; the keys contain the units.")
    limit: dict[str, Any] | None = Field(None, description="Limits; the keys contain the units.")
    figures: tuple[Figure, ...] = Field((), description="The same numbers with unit, limit and direction.")
    reason: str = Field(description="One sentence that explains the verdict.")
    warning: str | None = Field(None, description="What to know although the verdict stands.")


class MatrixPart(_Part):
    """All candidates side by side: which may ship, and which of them is the best (docs/reports.md)."""

    order: tuple[str, ...] = Field(description="Ids of all candidates: those that may ship first, the best one on top.")
    best: str | None = Field(description="Id of the best candidate; null if none may ship.")
    may_ship: tuple[str, ...] = Field(description="Ids of the candidates that passed a gate and failed none, in order.")
    reason: str = Field(description="Why this one is the best, or why none may ship.")


class Moved(_Part):
    """An image whose prediction changed when it was repeated."""

    image: str = Field(description="Id of the image.")
    max_abs_diff: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)] | None = Field(
        description="Largest difference of a probability; null if a number is not finite."
    )


class StabilityPass(_Part):
    """Predictions for the same images after one change, compared with the first ones."""

    change: str = Field(description="What changed: `again`, `order`, `batch`, `in_flight` or `later`.")
    max_abs_diff: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)] | None = Field(
        None, description="Largest difference of a probability; null if not tried or not finite."
    )
    differing: NonNegativeInt = Field(0, description="Number of images with any difference.")
    worst: tuple[Moved, ...] = Field((), description="The images that differ most, the worst first.")
    note: str | None = Field(None, description="Why this change was not tried.")
    became: tuple[str, ...] = Field((), description="Changes in what the model reports about itself.")


class StabilityPart(_Part):
    """Repeated predictions of a candidate for the same images, loaded again and alone."""

    model: str = Field(description="Id of the candidate.")
    images: NonNegativeInt = Field(description="Number of repeated images.")
    passes: tuple[StabilityPass, ...] = Field((), description="One entry per change.")
    error: str | None = Field(None, description="Why the check failed.")
    absent: str | None = Field(None, description="Why the check did not run: only another machine has the device.")


class InputChange(_Part):
    """A change of a candidate's input, and how much of the candidate's error it explains.

    The error is that of its own network without rounding.
    """

    change: str = Field(description="The change of the candidate's input.")
    share: Annotated[float, Field(allow_inf_nan=False)] = Field(
        description="1 if the change explains the whole error, around 0 if it is unrelated."
    )
    uncertainty: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)] = Field(
        description="Standard error of the share over the images."
    )


class YardstickPart(_Part):
    """The effect of rounding a candidate's own network to a precision, by which the gate `parity` judges.

    ``input_changes`` is empty if the reference could not run again, and in old records.
    """

    model: str = Field(description="Id of the candidate.")
    yardstick: str = Field(description="The precision.")
    errors: tuple[Annotated[NonNegativeFloat, Field(allow_inf_nan=False)], ...] = Field(
        (), description="Mean absolute difference of the probabilities, of each image that the gate looks at."
    )
    input_changes: tuple[InputChange, ...] = Field((), description="Changes of the input that were tried.")
    error: str | None = Field(None, description="Why the yardstick could not be measured.")


class DiagnosisPart(_Part):
    """The likely cause of a candidate's failed gate, or how to find it."""

    model: str = Field(description="Id of the candidate.")
    cause: str | None = Field(
        None, description="Identifier of the cause (docs/diagnose.md); null if the quick search found none."
    )
    sentence: str = Field(description="What was found, with its evidence and the fix; or the command that finds it.")
    mend: str | None = Field(None, description="Only the fix; null if the cause is unknown, and in old records.")


class RunRecord(_Part):
    """The record of a run: configuration, environment, results and verdict."""

    schema_version: Annotated[int, Field(ge=1)] = Field(SCHEMA_VERSION, description="Version of this schema.")
    harness_version: str = Field(description="Version of the harness.")
    name: str = Field(description="Name of the validation.")
    status: Status = Field(description="Whether the run completed.")
    exit_code: int = Field(description="The verdict of the run.")
    error: str | None = Field(None, description="Why the run did not complete.")
    warnings: tuple[str, ...] = Field((), description="Warnings about the whole run.")
    started_utc: str = Field(description="Start of the run, in UTC.")
    command: tuple[str, ...] = Field((), description="The command line.")
    config_file: str | None = Field(None, description="Path of the configuration.")
    config: dict[str, Any] = Field(description="The configuration with defaults and overrides; secrets as `***`.")
    environment: dict[str, Any] = Field(description="Versions, processor, threads, git commit.")
    dataset: DatasetPart = Field(description="The image set.")
    models: tuple[ModelPart, ...] = Field((), description="The reference and the candidates.")
    comparisons: tuple[ComparisonPart, ...] = Field((), description="Each candidate compared with the reference.")
    pairwise: tuple[PairPart, ...] = Field((), description="Agreement of the candidates with each other.")
    gates: tuple[GatePart, ...] = Field((), description="One verdict per gate and model.")
    matrix: MatrixPart | None = Field(
        None, description="The ranking of the candidates; null if the run did not complete, and in old records."
    )
    diagnosis: tuple[DiagnosisPart, ...] = Field(
        (), description="One entry per candidate with a failed gate; empty without a diagnosis and in old records."
    )
    stability: tuple[StabilityPart, ...] = Field(
        (), description="One entry per candidate with the gate `stability`: what its verdict is based on."
    )
    yardsticks: tuple[YardstickPart, ...] = Field(
        (), description="One entry per candidate with a precision as yardstick: what its verdict is based on."
    )
    timing: dict[str, FiniteFloat | None] = Field({}, description="Durations in seconds, by stage.")

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
        """The folder that the record was written to or read from. Raises RecordError if it was neither."""
        if self._folder is None:
            raise RecordError("this record was never written to a folder")
        return self._folder

    def in_folder(self, folder: Path) -> RunRecord:
        """Return the same record, knowing its folder."""
        known = self.model_copy()
        known._folder = folder  # noqa: SLF001
        return known

    def to_pandas(self) -> pd.DataFrame:
        """Return the per-image table, one row per image, with the columns of ``predictions.parquet``.

        Raises RecordError if the run has no such table.
        """
        table = read_predictions(self._folder) if self._folder else None
        if table is None:
            raise RecordError(f"{self._folder or 'this record'}: has no per-image table")
        frame: pd.DataFrame = table.to_pandas()
        return frame
