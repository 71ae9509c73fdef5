"""The configuration's schema. The key names are a contract; every model refuses keys that it does not know."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    PrivateAttr,
    field_validator,
    model_validator,
)

from harness.config.origin import Origin


def _not_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("should be a number")
    return value


def _not_empty(value: Any) -> Any:
    if value == "":
        raise ValueError("is empty; name a file or folder")
    return value


def _one_or_three(value: Any) -> Any:
    numbers = list(value) if isinstance(value, (list, tuple)) else [value]
    if len(numbers) not in (1, 3) or not all(map(_is_finite_number, numbers)):
        raise ValueError("write one number, or three of them, in the model's own colour order")
    return (*numbers,) if len(numbers) == 3 else numbers[0]


def _is_finite_number(value: Any) -> bool:
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


ModelId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$", max_length=80)]
Location = Annotated[Path, BeforeValidator(_not_empty)]
Number = Annotated[FiniteFloat, BeforeValidator(_not_truth)]
Whole = Annotated[int, BeforeValidator(_not_truth)]
Count = Annotated[Whole, Field(ge=1, le=10**9)]
Percent = Annotated[Number, Field(ge=0, le=100)]
PercentagePoints = Annotated[Number, Field(ge=0, le=100)]
Channels = Annotated[FiniteFloat | tuple[FiniteFloat, FiniteFloat, FiniteFloat], BeforeValidator(_one_or_three)]
Precision = Literal["f32", "f16", "bf16", "device_default"]
Weights = Literal["f32", "f16"]
Form = Literal[
    "auto",
    "flat",
    "list",
    "class_folders",
    "devkit",
    "kaggle",
    "tar",
    "tfrecord",
    "tfds",
    "webdataset",
    "parquet",
    "manifest",
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, allow_inf_nan=False)


class Preprocess(_Strict):
    """From the decoded image to the network's size, on uint8. The published protocol is the default."""

    crop_fraction: Annotated[Number, Field(gt=0, le=1)] = Field(
        0.875, description="Share of each side that the central crop keeps: int(side * crop_fraction)."
    )
    size: Annotated[Whole, Field(ge=1, le=4096)] = Field(224, description="Side of the square input, in pixels.")
    interpolation: Literal["bilinear", "nearest", "area", "cubic"] = Field(
        "bilinear", description="Filter of the resize to size x size."
    )
    exif: Literal["ignore", "apply"] = Field(
        "ignore", description="The EXIF orientation; the published numbers were measured without it."
    )


class BadImages(_Strict):
    """What to do with images that cannot be decoded."""

    policy: Literal["fail", "wrong", "skip"] = Field(
        "fail",
        description="fail: list them all, exit 3; wrong: count as wrong for every model; skip: leave out and say so.",
    )
    max: Annotated[Whole, Field(ge=0)] = Field(0, description="How many are tolerated under `wrong` and `skip`.")


class Labels(_Strict):
    """Where the labels come from, and whether they are believed whatever speaks against them."""

    source: str = Field("auto", min_length=1, description="auto, or a list, devkit folder or archive to use.")
    trust: bool = Field(
        False, description="Evaluate even where the labels look shifted or contradict the built-in ones."
    )


class Subset(_Strict):
    """A choice of the images that is the same on every machine and in every form of the set."""

    images: Count = Field(description="How many images are evaluated.")
    seed: Annotated[Whole, Field(ge=0)] = Field(0, description="Another seed chooses other images.")
    stratified: bool = Field(False, description="Every class gives as many images as any other, or one less.")


class Dataset(_Strict):
    """A labelled image set."""

    path: Location = Field(description="The image set. Its form is recognised from what lies there.")
    form: Form = Field("auto", description="Forces a form of data set (docs/datasets.md).")
    labels: Annotated[str, Field(min_length=1)] | Labels = Field(
        "auto",
        description="auto: those that the form carries, a list or devkit beside the images, or the built-in ones of "
        "ILSVRC2012; or a file or folder to use; or `{source: ..., trust: true}`.",
    )
    class_names: Location | None = Field(
        None, description="One class name a line, in the network's order, for a data set with classes of its own."
    )
    background_class: bool = Field(
        True, description="The network's class 0 is background: the network's label is the class index + 1."
    )
    classes: Count = Field(1000, description="Number of classes of the data set, without background.")
    images: Count | None = Field(
        None,
        description="Size of the whole set; fewer evaluated is a subset. Without it: all listed images.",
    )
    subset: Subset | None = Field(None, description="Evaluates only a choice of the images.")
    preprocess: Preprocess = Preprocess()
    bad_images: BadImages = BadImages()

    @field_validator("labels", mode="before")
    @classmethod
    def _labels_are_text_or_mapping(cls, value: Any) -> Any:
        if isinstance(value, dict):
            unknown = [str(key) for key in value if key not in Labels.model_fields]
            if unknown:
                raise ValueError(f"has the unknown key `{unknown[0]}`; known here: {', '.join(Labels.model_fields)}")
            return Labels.model_validate(value)
        if not isinstance(value, (str, Labels)):
            raise ValueError("should be text: auto, a file or a folder; or a mapping {source: ..., trust: true}")
        return value

    @property
    def label_source(self) -> str:
        """Where the labels come from: `auto`, or a file or folder."""
        return self.labels.source if isinstance(self.labels, Labels) else self.labels

    @property
    def labels_trusted(self) -> bool:
        """Whether the labels are believed whatever speaks against them."""
        return isinstance(self.labels, Labels) and self.labels.trust

    @property
    def outputs(self) -> int:
        """Width that a network's output needs for these labels."""
        return self.classes + int(self.background_class)


class Input(_Strict):
    """A model's input contract: what it wants to be fed."""

    name: str = Field("input", min_length=1, description="Name of the input, with or without `:0`.")
    color: Literal["RGB", "BGR"] = Field(description="Order of the colour channels that the model expects.")
    mean: Channels = Field(
        0.0, description="Subtracted from each channel before the model, in the model's colour order."
    )
    scale: Channels = Field(1.0, description="Divides each channel after the mean, in the model's colour order.")

    @field_validator("scale")
    @classmethod
    def _scale_is_not_zero(cls, value: Channels) -> Channels:
        if 0.0 in (value if isinstance(value, tuple) else (value,)):
            raise ValueError("a scale of 0 would divide by zero")
        return value

    @property
    def mean_per_channel(self) -> tuple[float, float, float]:
        """The mean of each channel, in the model's colour order."""
        return self.mean if isinstance(self.mean, tuple) else (self.mean,) * 3

    @property
    def scale_per_channel(self) -> tuple[float, float, float]:
        """The scale of each channel, in the model's colour order."""
        return self.scale if isinstance(self.scale, tuple) else (self.scale,) * 3


class ParityGate(_Strict):
    """Largest difference of any probability on the first images."""

    images: Count = Field(64, description="How many of the first images are compared.")
    max_abs_diff: Annotated[Number, Field(ge=0)] = Field(
        1.0e-3, description="Largest absolute difference of a probability that still passes."
    )


class TargetGate(_Strict):
    """Accuracy against the published numbers, on the whole set only."""

    top1_tolerance_pp: PercentagePoints = 0.10
    top5_tolerance_pp: PercentagePoints = 0.10


class DropGate(_Strict):
    """Loss of accuracy against the reference, on the same images."""

    top1_max_pp: PercentagePoints = 0.10
    top5_max_pp: PercentagePoints = 0.10


class BaselineGate(_Strict):
    """Loss of accuracy against an accepted run on the same images, by exact counts."""

    file: Location = Field(description="The baseline, written by `harness baseline update RUN FILE`.")
    top1_max_drop_pp: PercentagePoints = 0.10
    top5_max_drop_pp: PercentagePoints = 0.10


class Certify(_Strict):
    """Sequential certification: images in a seeded random order until the drop is proven within or beyond."""

    top1_max_drop_pp: PercentagePoints = Field(0.10, description="Largest Top-1 drop that is still within.")
    confidence: Annotated[Number, Field(gt=0, lt=1)] = Field(
        0.95, description="At least this share of runs end without a false proof, however often one looks."
    )
    seed: Annotated[Whole, Field(ge=0, le=2**63 - 1)] = Field(0, description="Fixes the random order of the images.")


class Gates(_Strict):
    """The gates; `null` turns one off."""

    parity: ParityGate | None = ParityGate()
    target: TargetGate | None = TargetGate()
    drop: DropGate | None = DropGate()
    baseline: BaselineGate | None = None


class Conversion(_Strict):
    """How `harness convert` makes a candidate's IR from the reference's graph."""

    weights: Weights = Field("f32", description="Precision of the weights in the .bin file.")
    automatic: bool = Field(False, description="`harness validate` converts by itself when the IR is missing or stale.")


class Reference(_Strict):
    """The original model."""

    id: ModelId = "reference"
    backend: Literal["tensorflow"] = "tensorflow"
    model: Location = Field(description="Frozen TensorFlow graph (.pb).")
    input: Input
    output: str = Field(min_length=1, description="Name of the output with the probabilities, with or without `:0`.")
    batch: Count = Field(32, description="Images a call; a graph with a fixed batch size keeps its own.")


class Candidate(_Strict):
    """A converted model on a device at a precision."""

    id: ModelId
    backend: Literal["openvino", "tensorflow"] = "openvino"
    model: Location = Field(description="OpenVINO IR (.xml, with its .bin beside it).")
    device: str = Field("CPU", min_length=1, description="OpenVINO device, such as CPU, GPU.1, AUTO, HETERO:CPU.")
    precision: Precision = Field("f32", description="Pinned inference precision; the effective one is read back.")
    input: Input
    output: str = Field(min_length=1, description="Name of the output with the probabilities, with or without `:0`.")
    batch: Count | None = Field(None, description="Images a call, where the model's batch dimension is free.")
    optional: bool = Field(
        False, description="A device that is not there makes this candidate `unavailable`, no error."
    )
    isolate: bool | None = Field(
        None,
        description="Run in a process of its own, so that a crash costs only this candidate (default: not on CPU).",
    )
    timeout_seconds: Annotated[Number, Field(gt=0)] = Field(
        300.0, description="The longest that one shard may take in a process of its own."
    )
    gates: Gates | None = Field(
        None, description="Overrides of the gates for this candidate: `{parity: null}` turns one off."
    )
    conversion: Conversion | None = Field(
        None, description="Overrides of the conversion for this candidate, key by key."
    )


class Published(_Strict):
    """The published accuracy, in percent, and the number of images that it was measured on."""

    top1_percent: Percent
    top5_percent: Percent
    images: Count | None = Field(None, description="Size of the set that was measured; without it dataset.images.")


class Archive(_Strict):
    """Where `harness fetch` finds the original model."""

    url: str = Field(pattern=r"^https?://")
    mirrors: tuple[Annotated[str, Field(pattern=r"^https?://")], ...] = ()
    bytes: Annotated[Whole, Field(ge=1)] = Field(description="Size of the archive in bytes.")
    sha384: str = Field(pattern=r"^[0-9a-f]{96}$")
    members: tuple[str, ...] = Field((), description="What to unpack; nothing named: everything.")
    folder: Location = Field(Path("build"), description="Where to download and unpack to.")


_Part = TypeVar("_Part", bound=BaseModel)


def _laid_over(base: _Part, override: _Part) -> _Part:
    """Lay over the base only what the override really states, key by key and mapping by mapping."""
    stated: dict[str, Any] = {}
    for name in override.model_fields_set:
        new, old = getattr(override, name), getattr(base, name)
        both = isinstance(new, BaseModel) and isinstance(old, BaseModel)
        stated[name] = _laid_over(old, new) if both else new
    return base.model_copy(update=stated)


class Cache(_Strict):
    """What is kept between runs: probabilities of a model for the same images, and compiled models."""

    folder: Location | None = Field(
        None, description="Where to keep it; without it $HARNESS_CACHE, or the user's cache folder."
    )
    max_gb: Annotated[Number, Field(gt=0)] = Field(5.0, description="Least recently used entries go beyond this.")
    reference: bool = Field(True, description="Keep the reference's probabilities: a new IR costs only the IR.")
    candidates: bool = Field(False, description="Keep the candidates' probabilities too.")
    compiled: bool = Field(True, description="Keep what OpenVINO compiled (its CACHE_DIR).")


class Config(_Strict):
    """A validation: one image set, one reference, any number of candidates, the gates."""

    version: Annotated[Literal[1], BeforeValidator(_not_truth)]
    name: ModelId
    dataset: Dataset
    reference: Reference
    candidates: tuple[Candidate, ...] = Field(min_length=1)
    published: Published | None = None
    gates: Gates = Gates()
    certify: Certify | None = Field(None, description="Stop as soon as the drop is proven; `--certify PP` sets it.")
    conversion: Conversion = Conversion()
    archive: Archive | None = None
    cache: Cache = Cache()
    checksums: Location | None = Field(
        None, description="A `sha256sum` list, names relative to its folder; a missing or altered file is named."
    )

    _origin: Origin | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Config:
        ids = [self.reference.id, *(candidate.id for candidate in self.candidates)]
        repeated = sorted({name for name in ids if ids.count(name) > 1})
        if repeated:
            raise ValueError(f"two models have the id '{repeated[0]}'; each id must be unique")
        return self

    def gates_for(self, candidate: Candidate | None) -> Gates:
        """Return the gates with a candidate's overrides laid over them (None: the reference's)."""
        overrides = candidate.gates if candidate else None
        return _laid_over(self.gates, overrides) if overrides else self.gates

    @property
    def source_file(self) -> Path | None:
        """The file that the configuration was read from."""
        return self._origin.file if self._origin else None

    def where(self, key: str) -> str:
        """Return "file:line: key" for messages, as far as it is known where the key was written."""
        return self._origin.where(key) if self._origin else key

    def resolved(self) -> dict[str, Any]:
        """Return the configuration as plain JSON values, defaults filled in and overrides applied."""
        plain = self.model_dump(mode="json")
        for candidate, dumped in zip(self.candidates, plain["candidates"], strict=True):
            dumped["gates"] = self.gates_for(candidate).model_dump(mode="json")
            dumped["conversion"] = self.conversion_for(candidate).model_dump(mode="json")
        return plain

    def conversion_for(self, candidate: Candidate) -> Conversion:
        """Return how this candidate's IR is made."""
        return _laid_over(self.conversion, candidate.conversion) if candidate.conversion else self.conversion
