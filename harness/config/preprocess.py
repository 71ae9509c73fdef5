"""From the decoded image to the network's size: the short form, the long form of steps, and named protocols."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, field_validator, model_validator

from harness.config.types import Channels, Number, Strict, Whole, not_truth

Library = Literal["opencv", "pillow"]
Exif = Literal["ignore", "apply"]
Filter = Literal["nearest", "bilinear", "bicubic", "area", "lanczos"]
Side = Annotated[Whole, Field(ge=1, le=4096)]
_LONG = ("decoder", "steps", "preset")


def _one_or_two_sides(value: Any) -> Any:
    sides = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
    if len(sides) != 2 or not all(type(not_truth(side)) is int and 1 <= side <= 4096 for side in sides):
        raise ValueError("write one side in pixels, or [height, width], each from 1 to 4096")
    return sides


Size = Annotated[tuple[int, int], BeforeValidator(_one_or_two_sides)]


def refuse_long_form(value: Any) -> Any:
    """Refuse what only `harness feed` carries out. Raises ValueError."""
    found = next((key for key in _LONG if isinstance(value, dict) and key in value), None)
    if found:
        raise ValueError(
            f"`{found}` is of the long form, which only `harness feed` carries out; every other command takes the "
            "short form: crop_fraction, size, interpolation, exif"
        )
    return value


class Preprocess(Strict):
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

    @model_validator(mode="before")
    @classmethod
    def _is_the_short_form(cls, value: Any) -> Any:
        return refuse_long_form(value)


class Resize(Strict):
    """A resize: to a size, or with the aspect ratio kept until one side has a length."""

    size: Size | None = Field(None, description="One side of a square in pixels, or [height, width].")
    short_side: Side | None = Field(None, description="Length of the shorter side; the other is rounded down.")
    long_side: Side | None = Field(None, description="Length of the longer side; the other is rounded down.")
    interpolation: Filter = "bilinear"
    library: Library = Field(
        "opencv", description="Whose filter: Pillow's widen when an image shrinks, OpenCV's do not."
    )

    @model_validator(mode="after")
    def _has_one_size(self) -> Resize:
        if sum(value is not None for value in (self.size, self.short_side, self.long_side)) != 1:
            raise ValueError("write exactly one of size, short_side and long_side")
        return self


class Crop(Strict):
    """A central crop, to a size or to a share of each side."""

    size: Size | None = Field(None, description="One side of a square in pixels, or [height, width].")
    fraction: Annotated[Number, Field(gt=0, le=1)] | None = Field(
        None, description="Share of each side that is kept: int(side * fraction)."
    )
    library: Library = Field("opencv", description="Whose offset: opencv d // 2, pillow round(d / 2).")

    @model_validator(mode="after")
    def _has_one_size(self) -> Crop:
        if (self.size is None) == (self.fraction is None):
            raise ValueError("write exactly one of size and fraction")
        return self


class Normalize(Strict):
    """``(value - mean) / scale`` in float32; later steps work on float32. Three numbers are red, green, blue."""

    mean: Channels = 0.0
    scale: Channels = 1.0

    @field_validator("scale")
    @classmethod
    def _scale_is_not_zero(cls, value: Channels) -> Channels:
        if 0.0 in (value if isinstance(value, tuple) else (value,)):
            raise ValueError("a scale of 0 would divide by zero")
        return value


class Step(Strict):
    """One step: a mapping with one of the keys resize, crop and normalize."""

    resize: Resize | None = None
    crop: Crop | None = None
    normalize: Normalize | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Step:
        if sum(value is not None for value in (self.resize, self.crop, self.normalize)) != 1:
            raise ValueError("a step is exactly one of resize, crop and normalize; begin each with `-`")
        return self

    @property
    def action(self) -> Resize | Crop | Normalize:
        """What the step does."""
        found = self.resize or self.crop or self.normalize
        assert found is not None
        return found


class Plan(NamedTuple):
    """What is done to an image, in order, whichever form it was written in."""

    decoder: Library
    exif: Exif
    steps: tuple[Resize | Crop | Normalize, ...]


def _square(side: int) -> tuple[int, int]:
    return side, side


# Mean, scale and colour order are the model's own contract (`input`), so that a protocol is its pixels alone.
PRESETS: dict[str, Plan] = {
    # The default of the short form: the central 87.5 % of the Inception evaluation, resized by OpenCV on uint8.
    "inception": Plan("opencv", "ignore", (Crop(fraction=0.875), Resize(size=_square(224)))),
    # torchvision.transforms: Resize(256), CenterCrop(224) on a Pillow image.
    "torchvision": Plan(
        "pillow", "ignore", (Resize(short_side=256, library="pillow"), Crop(size=_square(224), library="pillow"))
    ),
    # Caffe's ImageNet example: images stretched to 256x256, the centre of 224x224 of them.
    "caffe": Plan("opencv", "ignore", (Resize(size=_square(256)), Crop(size=_square(224)))),
    # keras.utils.load_img(file, target_size=(224, 224)): Pillow, and `nearest` is its default filter.
    "keras-applications": Plan(
        "pillow", "ignore", (Resize(size=_square(224), interpolation="nearest", library="pillow"),)
    ),
}


class Preprocessing(Strict):
    """All forms of a preprocessing: the short one, decoder and steps, or a preset."""

    crop_fraction: Annotated[Number, Field(gt=0, le=1)] = 0.875
    size: Side = 224
    interpolation: Literal["bilinear", "nearest", "area", "cubic"] = "bilinear"
    exif: Exif = Field("ignore", description="The EXIF orientation.")
    decoder: Library = Field("opencv", description="The library that decodes.")
    steps: tuple[Step, ...] | None = Field(None, description="What is done after the decoding, in this order.")
    preset: Literal["inception", "torchvision", "caffe", "keras-applications"] | None = Field(
        None, description="A protocol by its name."
    )

    @model_validator(mode="after")
    def _is_one_form(self) -> Preprocessing:
        stated = self.model_fields_set
        short = [key for key in ("crop_fraction", "size", "interpolation") if key in stated]
        if self.preset and len(stated) > 1:
            raise ValueError("`preset` stands alone; write its steps out to change them")
        if self.steps is None and "decoder" in stated:
            raise ValueError("`decoder` is of the long form; write `steps` too")
        if self.steps is not None and short:
            raise ValueError(f"`{short[0]}` is of the short form and `steps` of the long one; keep one form")
        if not _ends_at_one_size(self.plan.steps):
            raise ValueError(
                "gives each image a size of its own; end with `- resize: {size: N}` or `- crop: {size: N}`"
            )
        return self

    @property
    def plan(self) -> Plan:
        """What is done, step by step."""
        if self.preset:
            return PRESETS[self.preset]
        if self.steps is not None:
            return Plan(self.decoder, self.exif, tuple(step.action for step in self.steps))
        names: dict[str, Filter] = {"bilinear": "bilinear", "nearest": "nearest", "area": "area", "cubic": "bicubic"}
        resize = Resize(size=_square(self.size), interpolation=names[self.interpolation])
        return Plan("opencv", self.exif, (Crop(fraction=self.crop_fraction), resize))


def _ends_at_one_size(steps: tuple[Resize | Crop | Normalize, ...]) -> bool:
    fixed = False
    for step in steps:
        if isinstance(step, Resize):
            fixed = step.size is not None
        elif isinstance(step, Crop):
            fixed = fixed or step.size is not None
    return fixed
