"""The configuration of the image set: where it is, what its labels are, how images are prepared."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from harness.config.preprocess import Preprocess
from harness.config.types import Count, Location, Number, Strict, Whole

__all__ = ["BadImages", "Dataset", "Form", "Labels", "Preprocess", "Subset"]

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
    "capsule",
]


class BadImages(Strict):
    """What to do with images that cannot be decoded."""

    policy: Literal["fail", "wrong", "skip"] = Field(
        "fail",
        description="fail: list all bad images and exit with 3; wrong: count them as wrong for every model; skip: "
        "leave them out and report it.",
    )
    max: Annotated[Whole, Field(ge=0)] = Field(0, description="How many bad images `wrong` and `skip` tolerate.")
    max_percent: Annotated[Number, Field(ge=0, le=100)] = Field(
        1.0, description="Which share of bad images, in percent, `wrong` and `skip` tolerate; both limits apply."
    )

    def tolerated(self, images: int) -> int:
        """Return how many bad ones among ``images`` do not end a run."""
        if self.policy == "fail":
            return 0
        return min(self.max, int(Fraction(repr(self.max_percent)) * images / 100))


class Labels(Strict):
    """Where the labels come from, and whether to use them even if they look wrong."""

    source: str = Field("auto", min_length=1, description="auto, or a list, devkit folder or archive.")
    trust: bool = Field(False, description="Evaluate even if the labels look shifted or contradict the built-in ones.")


class Subset(Strict):
    """A choice of images that is the same on every machine and in every form of the set."""

    images: Count = Field(description="How many images to evaluate.")
    seed: Annotated[Whole, Field(ge=0)] = Field(0, description="Seed of the random choice.")
    stratified: bool = Field(False, description="Choose the same number of images from every class, or one less.")


class Dataset(Strict):
    """A labelled image set."""

    path: Location = Field(description="The image set. Its form is recognised from its content.")
    form: Form = Field("auto", description="The form, if it should not be recognised (docs/datasets.md).")
    labels: Annotated[str, Field(min_length=1)] | Labels = Field(
        "auto",
        description="auto: labels in the image set itself, a list or devkit next to the images, or the built-in labels "
        "of ILSVRC2012; or a file or folder; or `{source: ..., trust: true}`.",
    )
    class_names: Location | None = Field(
        None,
        description="A file with one class name per line, in the network's order, for a data set with its own classes.",
    )
    background_class: bool = Field(
        True, description="The network's class 0 is background: the network's label is the class index + 1."
    )
    classes: Count = Field(1000, description="Number of classes of the data set, without background.")
    images: Count | None = Field(
        None,
        description="Size of the whole set; if fewer images are evaluated, gates treat them as a subset. Default: all "
        "listed images.",
    )
    subset: Subset | None = Field(None, description="Evaluates only some of the images.")
    preprocess: Preprocess = Field(Preprocess(), description="How images become pixels (docs/preprocessing.md).")
    bad_images: BadImages = BadImages()

    @field_validator("labels", mode="before")
    @classmethod
    def _labels_are_text_or_mapping(cls, value: Any) -> Any:
        if isinstance(value, dict):
            unknown = [str(key) for key in value if key not in Labels.model_fields]
            if unknown:
                raise ValueError(f"has the unknown key `{unknown[0]}`; valid: {', '.join(Labels.model_fields)}")
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
        """Whether to use the labels even if they look wrong."""
        return isinstance(self.labels, Labels) and self.labels.trust

    @property
    def outputs(self) -> int:
        """Width that a network's output needs for these labels."""
        return self.classes + int(self.background_class)
