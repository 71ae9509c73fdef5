"""The steps from a decoded image to a model's pixels: how they are written, and how they are resolved.

Where libraries and protocols round differently, a step has a `rounding`:

* of a resize to a short or long side, for the other side: ``floor`` is ``int(N * other / this)`` (torchvision's
  ``Resize``, Accuracy Checker's ``aspect_ratio_scale: greater``); ``tf_slim`` is ``rint(other * (N / this))`` in
  float32 (TF-Slim's ``_aspect_preserving_resize``).
* of a crop: ``floor`` takes ``int(side * fraction)`` pixels from ``(side - crop) // 2`` on (Accuracy Checker with
  OpenCV, Caffe); ``half_even`` takes as many from ``round((side - crop) / 2)`` on, halves to the even number
  (Accuracy Checker with Pillow, torchvision's ``CenterCrop``); ``tf_slim`` leaves out ``int((side - side * fraction)
  / 2)`` pixels at each edge (``tf.image.central_crop``), and with a `size` it is ``floor`` (TF-Slim's
  ``_central_crop``).
* of a crop larger than the image: ``floor`` enlarges the image until it covers the crop (Accuracy Checker with OpenCV);
  ``half_even`` has black next to it, from the same offset on (Accuracy Checker with Pillow); ``center_crop`` is
  ``half_even`` but for the offset in such a border, ``(crop - side) // 2``; ``tf_slim`` refuses the image, as its
  source does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from harness.config.types import Channels, Number, Strict, Whole
from harness.errors import nearest

Library = Literal["opencv", "pillow"]
Filter = Literal["nearest", "bilinear", "bicubic", "area", "lanczos"]
Rounding = Literal["floor", "half_even", "center_crop", "tf_slim"]
Triple = tuple[float, float, float]
LARGEST_SIDE = 4096  # pixels
_ROUNDING: dict[Library, Rounding] = {"opencv": "floor", "pillow": "half_even"}


def _one_or_two(value: Any) -> Any:
    several = isinstance(value, (list, tuple))
    numbers = list(value) if several else [value]
    whole = all(isinstance(item, int) and not isinstance(item, bool) for item in numbers)
    if len(numbers) != (2 if several else 1) or not whole or not all(1 <= item <= LARGEST_SIDE for item in numbers):
        raise ValueError(f"write one whole number from 1 to {LARGEST_SIDE}, or two of them: [height, width]")
    return (*numbers,) if len(numbers) == 2 else numbers[0]


Side = Annotated[Whole, Field(ge=1, le=LARGEST_SIDE)]
Size = Annotated[int | tuple[int, int], BeforeValidator(_one_or_two)]


def height_and_width(size: int | tuple[int, int]) -> tuple[int, int]:
    """Return height and width of a size as it is written: one number, or both."""
    return size if isinstance(size, tuple) else (size, size)


@dataclass(frozen=True)
class ResizeStep:
    """A resize. ``to``: `size` makes it ``height`` x ``width``; the others make that side ``height`` long."""

    to: Literal["size", "short_side", "long_side"]
    height: int
    width: int
    filter: Filter
    library: Library
    rounding: Rounding
    sampling: Literal["centers", "corners"]


@dataclass(frozen=True)
class CropStep:
    """A crop of the middle: either ``size`` (height, width), or ``fraction`` of each side.

    ``may_exceed``: it is meant to be larger than what a resize before it leaves; no pixel depends on that.
    """

    size: tuple[int, int] | None
    fraction: float | None
    rounding: Rounding
    may_exceed: bool = field(default=False, compare=False, repr=False)


@dataclass(frozen=True)
class NormalizeStep:
    """``(value - mean) / scale``, per channel in the order red, green, blue; values are floating from here on."""

    mean: Triple
    scale: Triple


Step = ResizeStep | CropStep | NormalizeStep


def _exactly_one(part: Strict, names: tuple[str, ...], what: str) -> str:
    stated = [name for name in names if getattr(part, name) is not None]
    if len(stated) != 1:
        listed = ", ".join(f"`{name}`" for name in names)
        found = f"has {' and '.join(f'`{name}`' for name in stated)}" if stated else "has none"
        raise ValueError(f"{found}; {what} needs exactly one of {listed}")
    return stated[0]


class Resize(Strict):
    """Resizes the whole image."""

    size: Size | None = Field(None, description="New size: one number for a square, or [height, width].")
    short_side: Side | None = Field(None, description="New length of the short side; the aspect ratio stays.")
    long_side: Side | None = Field(None, description="New length of the long side; the aspect ratio stays.")
    interpolation: Filter = Field("bilinear", description="Filter, as the library defines it.")
    library: Library | None = Field(None, description="Library that resizes. Default: the decoder's.")
    rounding: Literal["floor", "tf_slim"] = Field("floor", description="How the other side's length is rounded.")
    sampling: Literal["centers", "corners"] = Field(
        "centers", description="Sampling point of a pixel: its center, or its corner (TF-Slim's resize_bilinear)."
    )

    @model_validator(mode="after")
    def _is_one_resize(self) -> Resize:
        _exactly_one(self, ("size", "short_side", "long_side"), "a resize")
        if self.sampling == "corners" and (self.library == "pillow" or self.interpolation != "bilinear"):
            raise ValueError("`sampling: corners` is defined for `library: opencv` with `interpolation: bilinear` only")
        return self

    def resolved(self, decoder: Library) -> ResizeStep:
        """Return the step with what it leaves to the decoder."""
        to = _exactly_one(self, ("size", "short_side", "long_side"), "a resize")
        height, width = height_and_width(getattr(self, to))
        library: Library = "opencv" if self.sampling == "corners" else self.library or decoder
        return ResizeStep(
            to,  # type: ignore[arg-type]  # one of the three names
            height,
            width,
            self.interpolation,
            library,
            self.rounding,
            self.sampling,
        )


class Crop(Strict):
    """Keeps the centre of the image."""

    size: Size | None = Field(None, description="Pixels that are kept: one number for a square, or [height, width].")
    fraction: Annotated[Number, Field(gt=0, le=1)] | None = Field(None, description="Share of each side that is kept.")
    library: Library | None = Field(
        None, description="Whose rounding: opencv is `floor`, pillow is `half_even`. Default: the decoder's."
    )
    rounding: Rounding | None = Field(None, description="Overrides the library's rounding of sizes and offsets.")

    @model_validator(mode="after")
    def _is_one_crop(self) -> Crop:
        _exactly_one(self, ("size", "fraction"), "a crop")
        return self

    def resolved(self, decoder: Library) -> CropStep:
        """Return the step with what it leaves to the decoder."""
        size = None if self.size is None else height_and_width(self.size)
        may_exceed = self.rounding not in (None, "tf_slim")
        return CropStep(size, self.fraction, self.rounding or _ROUNDING[self.library or decoder], may_exceed)


class Normalize(Strict):
    """Mean and scale before another step. A model's own mean and scale belong in its `input`."""

    mean: Channels = Field(0.0, description="Subtracted from each channel, in the order of `color`.")
    scale: Channels = Field(
        1.0, description="Divides each channel after the mean is subtracted, in the order of `color`."
    )
    color: Literal["RGB", "BGR"] = Field("RGB", description="Order of the colour channels of mean and scale.")

    @field_validator("scale")
    @classmethod
    def _scale_is_not_zero(cls, value: Channels) -> Channels:
        if 0.0 in (value if isinstance(value, tuple) else (value,)):
            raise ValueError("a scale of 0 would divide by zero")
        return value

    def resolved(self) -> NormalizeStep:
        """Return the step in the order red, green, blue."""
        return NormalizeStep(self._in_rgb(self.mean), self._in_rgb(self.scale))

    def _in_rgb(self, value: Channels) -> Triple:
        one, two, three = value if isinstance(value, tuple) else (value,) * 3
        return (one, two, three) if self.color == "RGB" else (three, two, one)


class WrittenStep(Strict):
    """One step: a mapping with exactly one key."""

    resize: Resize | None = None
    crop: Crop | None = None
    normalize: Normalize | None = None

    @model_validator(mode="before")
    @classmethod
    def _has_one_key(cls, data: Any) -> Any:
        known = tuple(cls.model_fields)
        listed = ", ".join(known)
        if isinstance(data, WrittenStep):
            return data
        if not isinstance(data, dict) or len(data) != 1:
            found = f"has the keys {', '.join(map(str, data))}" if isinstance(data, dict) and data else "is not a step"
            raise ValueError(f"{found}; write one key per step, such as `- crop: {{size: 224}}`; valid: {listed}")
        (name,) = data
        if name not in known:
            close = nearest(str(name), known)
            raise ValueError(
                f"has the unknown step `{name}`" + (f"; did you mean `{close[0]}`?" if close else f"; valid: {listed}")
            )
        if data[name] is None:
            raise ValueError(f"`{name}` is empty; write its settings, such as `- {name}: {_EXAMPLES[name]}`")
        return data

    def resolved(self, decoder: Library) -> Step:
        """Return the one step with what it leaves to the decoder."""
        if self.resize is not None:
            return self.resize.resolved(decoder)
        if self.crop is not None:
            return self.crop.resolved(decoder)
        assert self.normalize is not None
        return self.normalize.resolved()


_EXAMPLES = {"resize": "{size: 224}", "crop": "{size: 224}", "normalize": "{mean: 127.5, scale: 127.5}"}
