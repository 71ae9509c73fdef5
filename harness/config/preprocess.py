"""From the encoded image to the network's pixels: a short form, named presets, and a long form of steps."""

from __future__ import annotations

import copy
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from harness.config.presets import presets
from harness.config.steps import (
    CropStep,
    Filter,
    Library,
    NormalizeStep,
    ResizeStep,
    Size,
    Step,
    WrittenStep,
    height_and_width,
)
from harness.config.types import Number, Strict
from harness.errors import nearest

_SHORT = ("crop_fraction", "size", "interpolation")
_FILTERS: dict[str, Filter] = {"bilinear": "bilinear", "nearest": "nearest", "area": "area", "cubic": "bicubic"}


def _known_preset(name: str) -> str:
    if name not in presets():
        close = nearest(name, presets())
        hint = f"; did you mean '{close[0]}'?" if close else f"; valid: {', '.join(presets())}"
        raise ValueError(f"'{name}' is not a preset{hint}")
    return name


class _NamesInSchema:
    """Lists the names in the JSON Schema; the file of presets is read only if a preset is used."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string", "enum": list(presets())}


Preset = Annotated[str, AfterValidator(_known_preset), _NamesInSchema()]


class Preprocess(Strict):
    """How an encoded image becomes pixels of the network's size. The default is the published protocol.

    Short form: `crop_fraction`, `size`, `interpolation`. Long form: `decoder` and `steps`. Or the name of a `preset`.
    """

    crop_fraction: Annotated[Number, Field(gt=0, le=1)] = Field(
        0.875, description="Share of each side that the central crop keeps: int(side * crop_fraction)."
    )
    size: Size = Field(224, description="Size of the input in pixels: one number for a square, or [height, width].")
    interpolation: Literal["bilinear", "nearest", "area", "cubic"] = Field(
        "bilinear", description="Filter of the resize to `size`."
    )
    exif: Literal["ignore", "apply"] = Field(
        "ignore", description="Whether to apply the EXIF orientation; the published numbers were measured without it."
    )
    decoder: Library = Field("opencv", description="Library that decodes the images; only with `steps`.")
    steps: tuple[WrittenStep, ...] | None = Field(
        None, description="Resizes, crops and normalisations in their order, instead of the short form."
    )
    preset: Preset | None = Field(None, description="Name of a published protocol; can be combined with `size`.")

    @field_validator("steps")
    @classmethod
    def _there_are_steps(cls, value: tuple[WrittenStep, ...] | None) -> tuple[WrittenStep, ...] | None:
        if value == ():
            raise ValueError("is empty; list at least one step, such as `- resize: {size: 224}`")
        return value

    @model_validator(mode="after")
    def _is_one_form(self) -> Preprocess:
        stated = self.model_fields_set
        if self.steps is not None:
            if self.preset is not None:
                raise ValueError("has both `preset` and `steps`, but a preset contains steps; keep one of the two")
            mixed = [name for name in _SHORT if name in stated]
            if mixed:
                raise ValueError(f"has both `steps` and `{mixed[0]}`; write `{mixed[0]}` as a step")
        elif self.preset is not None:
            mixed = [name for name in ("crop_fraction", "interpolation", "decoder") if name in stated]
            if mixed:
                raise ValueError(f"has both `preset` and `{mixed[0]}`, which the preset defines; keep one of the two")
        elif "decoder" in stated:
            raise ValueError("has a `decoder` without `steps`; list the steps, too (docs/preprocessing.md)")
        _ = self.output_size  # raises ValueError
        return self

    @property
    def is_short(self) -> bool:
        """Whether it is written as central crop and resize, without steps of its own."""
        return self.steps is None and self.preset is None

    @property
    def resolved_steps(self) -> tuple[Step, ...]:
        """The steps, with every default filled in."""
        if self.is_short:
            height, width = height_and_width(self.size)
            return (
                CropStep(None, self.crop_fraction, "floor"),
                ResizeStep("size", height, width, _FILTERS[self.interpolation], "opencv", "floor", "centers"),
            )
        return tuple(step.resolved(self.resolved_decoder) for step in self.written_steps)

    @property
    def resolved_decoder(self) -> Library:
        """The library that decodes."""
        if self.preset is not None:
            found: Library = presets()[self.preset]["preprocess"]["decoder"]
            return found
        return self.decoder

    @property
    def output_size(self) -> tuple[int, int]:
        """Height and width of the pixels. Raises ValueError if they would differ from image to image."""
        return _output_size(self.resolved_steps, may_exceed=self.preset is None)

    @property
    def is_float(self) -> bool:
        """Whether the pixels are floating values, and not whole ones from 0 to 255."""
        return any(isinstance(step, NormalizeStep) for step in self.resolved_steps)

    @property
    def decoding(self) -> tuple[Library, bool]:
        """What decides on the decoded image: the library, and whether the EXIF orientation is applied."""
        return self.resolved_decoder, self.exif == "apply"

    @property
    def pixels_key(self) -> tuple[Any, ...]:
        """What determines the pixels: equal keys give equal pixels, regardless of how the steps are written."""
        return (*self.decoding, self.resolved_steps)

    @property
    def written_steps(self) -> tuple[WrittenStep, ...]:
        """The steps of the long form or of a preset, as they are written."""
        if self.preset is None:
            assert self.steps is not None
            return self.steps
        written = copy.deepcopy(presets()[self.preset]["preprocess"]["steps"])
        if "size" in self.model_fields_set:
            (settings,) = written[-1].values()
            settings["size"] = self.size
        return tuple(WrittenStep.model_validate(step) for step in written)

    @model_serializer(mode="wrap")
    def _of_its_form(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the keys of the other forms, and of steps what was not written."""
        whole: dict[str, Any] = handler(self)
        if self.steps is not None:
            steps = [step.model_dump(mode="json", exclude_none=True) for step in self.steps]
            return {"decoder": whole["decoder"], "exif": whole["exif"], "steps": steps}
        if self.preset is not None:
            size = {"size": whole["size"]} if "size" in self.model_fields_set else {}
            return {"preset": whole["preset"], "exif": whole["exif"], **size}
        return {name: whole[name] for name in (*_SHORT, "exif")}


def _output_size(steps: tuple[Step, ...], *, may_exceed: bool) -> tuple[int, int]:
    """Return height and width. ``may_exceed``: crops beyond the image are obeyed where a step says that it is meant."""
    size: tuple[int, int] | None = None  # height and width where they are the same for every image
    least: tuple[int, int] | None = None  # what every image has at least
    for step in steps:
        if isinstance(step, ResizeStep):
            size = (step.height, step.width) if step.to == "size" else None
            least = size or ((step.height, step.height) if step.to == "short_side" else None)
        elif isinstance(step, CropStep) and step.size is not None:
            meant = may_exceed and step.may_exceed
            if least is not None and not meant and (step.size[0] > least[0] or step.size[1] > least[1]):
                raise ValueError(
                    f"crops {step.size[0]}x{step.size[1]} pixels of images that may have only "
                    f"{least[0]}x{least[1]}; "
                    "put a `resize` to at least that size before it, or set the `rounding` that says what is "
                    "done beyond the image"
                )
            size = least = step.size
        elif isinstance(step, CropStep):
            size = None if size is None else _fraction_of(size, step)
            least = size
    if size is None:
        raise ValueError(
            "does not end at one size, so the input's size would differ from image to image; end with a `resize` or "
            "`crop` that has a `size`"
        )
    return size


def _fraction_of(size: tuple[int, int], step: CropStep) -> tuple[int, int]:
    height, width = (crop_length(side, step) for side in size)
    if min(height, width) < 1:
        raise ValueError("crops everything away; enlarge the fraction")
    return height, width


def crop_length(side: int, step: CropStep) -> int:
    """Return how many pixels of a side a crop by fraction keeps."""
    assert step.fraction is not None
    if step.rounding == "tf_slim":
        return side - 2 * int((side - side * step.fraction) / 2)
    return int(side * step.fraction)
