"""Accuracy Checker's readers and preprocessing as a decoder, steps, and an input contract.

Sources: ``data_readers/image_readers.py`` and ``preprocessor/{resize,crop,normalization,color_space_conversion}.py`` of
Accuracy Checker (Open Model Zoo, tools/accuracy_checker): which keys each has, their defaults, and what wins where two
keys say the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from harness.errors import nearest
from harness.importing.documents import Part, number_in, numbers_in, shown
from harness.importing.known_steps import DECODERS, NOT_CARRIED

Color = Literal["RGB", "BGR"]
Triple = tuple[float, float, float]
_OTHER: dict[Color, Color] = {"RGB": "BGR", "BGR": "RGB"}
_FILTERS: dict[str, dict[str, str]] = {
    "opencv": {
        "NEAREST": "nearest",
        "LINEAR": "bilinear",
        "BILINEAR": "bilinear",
        "CUBIC": "bicubic",
        "BICUBIC": "bicubic",
        "AREA": "area",
        "LANCZOS4": "lanczos",
    },
    "pillow": {
        "NEAREST": "nearest",
        "NONE": "nearest",
        "LINEAR": "bilinear",
        "BILINEAR": "bilinear",
        "CUBIC": "bicubic",
        "BICUBIC": "bicubic",
        "LANCZOS": "lanczos",
        "ANTIALIAS": "lanczos",
    },
}
# Named sets of normalization.py; `std` has the same numbers as `mean` there.
_NAMED: dict[str, Triple] = {
    "imagenet": (104.00698793, 116.66876762, 122.67891434),
    "cifar10": (125.307, 122.961, 113.8575),
}
_SMALLEST, _HUGE = 1e-12, 1e15  # of a scale or mean that can be meant
_SIZES = ("size", "dst_width", "dst_height")


@dataclass
class Step:
    """One step on the pixels, as the configuration writes it, and where it comes from."""

    kind: Literal["resize", "crop", "normalize"]
    settings: dict[str, Any]
    place: str


@dataclass
class Affine:
    """``(value - mean) / scale`` per channel, in the colour order that the model takes."""

    mean: Triple = (0.0, 0.0, 0.0)
    scale: Triple = (1.0, 1.0, 1.0)
    places: tuple[str, ...] = ()

    def then(self, mean: Triple, scale: Triple, place: str) -> Affine:
        """Return this followed by another one: ((x - m) / s - m2) / s2 = (x - (m + s m2)) / (s s2)."""
        joined = [(m + s * m2, s * s2) for m, s, m2, s2 in zip(self.mean, self.scale, mean, scale, strict=True)]
        return Affine(
            _triple([_tidy(m) for m, _ in joined]), _triple([_tidy(s) for _, s in joined]), (*self.places, place)
        )

    def reversed(self) -> Affine:
        """Return the same for the other colour order."""
        return Affine(_triple(self.mean[::-1]), _triple(self.scale[::-1]), self.places)


@dataclass
class Pixels:
    """What one entry feeds its network: how images are decoded and prepared, in which colours, on which scale."""

    decoder: Literal["opencv", "pillow"] = "opencv"
    decoder_place: str = ""
    color: Color = "BGR"
    color_place: str = ""
    steps: list[Step] = field(default_factory=list)
    affine: Affine = field(default_factory=Affine)
    height: int | None = None  # guaranteed; exact where `exact`
    width: int | None = None
    exact: bool = False
    floating: bool = False  # Accuracy Checker's array is no longer uint8

    @property
    def exif(self) -> str:
        """OpenCV turns an image as its EXIF orientation says; Pillow leaves it as it is stored."""
        return "apply" if self.decoder == "opencv" else "ignore"

    def protocol(self) -> tuple[Any, ...]:
        """Return what makes two preprocessings the same pixels."""
        return (self.decoder, *((step.kind, tuple(step.settings.items())) for step in self.steps))


def read_pixels(dataset: Part, input_size: tuple[int, int] | None) -> Pixels:
    """Read the reader and the preprocessing of a data set's entry; faults are collected in its document.

    ``input_size``: height and width of the network's input, where a file states them (for `auto_resize`).
    """
    pixels = Pixels()
    _read_reader(dataset, pixels)
    steps = dataset.parts("preprocessing")
    faults_before = len(dataset.faults.found)
    for step in steps:
        _read_step(step, pixels, input_size)
    if not pixels.exact and len(dataset.faults.found) == faults_before:
        dataset.refuse(
            "preprocessing" if "preprocessing" in dataset else None,
            "the steps do not end at one size, so the network's input size would differ from image to image; "
            "end with a `resize` or `crop` to a fixed size",
        )
    return pixels


def _read_reader(dataset: Part, pixels: Pixels) -> None:
    pixels.decoder_place = dataset.place("reader") if "reader" in dataset else "Accuracy Checker's default"
    value = dataset.raw("reader")
    name: Any = "opencv_imread" if value is None else value
    if isinstance(value, dict):
        reader = dataset.part("reader")
        assert reader is not None
        name = reader.text("type")
        if name == "opencv_imread" and (reader.text("reading_flag") or "color").lower() != "color":
            reader.refuse(
                "reading_flag", "the harness decodes images in colour, so the model would get different pixels"
            )
        if name == "pillow_imread" and not reader.truth("to_rgb", default=True):
            reader.refuse(
                "to_rgb",
                "the harness decodes images to RGB, so the model would get different pixels of greyscale images",
            )
        if reader.truth("multi_infer"):
            reader.refuse("multi_infer", "the harness runs one inference per image")
        if name in ("opencv_imread", "pillow_imread"):
            reader.finish()
    if name == "opencv_imread":
        pixels.decoder, pixels.color = "opencv", "BGR"
    elif name == "pillow_imread":
        pixels.decoder, pixels.color = "pillow", "RGB"
    elif isinstance(name, str) and name in DECODERS:
        dataset.refuse("reader", f"{name} {DECODERS[name]}; opencv_imread and pillow_imread can be carried over")
    else:
        near = nearest(name, [*DECODERS, "opencv_imread", "pillow_imread"]) if isinstance(name, str) else []
        hint = f"; did you mean {near[0]}?" if near else ""
        dataset.refuse("reader", f"{shown(name)} is not a reader of images{hint}")
    pixels.color_place = f"the reader's order, {pixels.decoder_place}"


def _read_step(step: Part, pixels: Pixels, input_size: tuple[int, int] | None) -> None:
    kind = step.text("type")
    if kind is None:
        step.refuse_missing("type", "what it does to the pixels is unknown")
    elif kind == "resize":
        _resize(step, pixels)
    elif kind == "auto_resize":
        _auto_resize(step, pixels, input_size)
    elif kind == "crop":
        _crop(step, pixels)
    elif kind == "normalization":
        _normalization(step, pixels)
    elif kind in ("bgr_to_rgb", "rgb_to_bgr"):
        pixels.color = _OTHER[pixels.color]
        pixels.color_place = step.place()
        pixels.affine = pixels.affine.reversed()
        step.finish()
    elif kind == "tf_convert_image_dtype":
        if not pixels.floating:  # TensorFlow divides whole numbers by 255 and leaves floating ones alone
            pixels.affine = pixels.affine.then((0.0, 0.0, 0.0), (255.0, 255.0, 255.0), step.place())
            pixels.floating = True
        step.finish()
    elif kind in NOT_CARRIED:
        step.refuse(
            "type", f"{kind} {NOT_CARRIED[kind]}; the harness has no such step, so the model would get different pixels"
        )
    else:
        known = [*NOT_CARRIED, "resize", "auto_resize", "crop", "normalization", "bgr_to_rgb", "rgb_to_bgr"]
        near = nearest(kind, known)
        hint = f"; did you mean {near[0]}?" if near else ""
        step.refuse("type", f"{shown(kind)} is not a preprocessing of Accuracy Checker{hint}")


def _size(step: Part) -> tuple[int, int] | None:
    """Return height and width: `size` wins over `dst_width` and `dst_height`, which come in pairs."""
    size, width, height = (step.whole(name, 1, 4096) for name in _SIZES)
    if size is not None:
        return size, size
    return None if width is None or height is None else (height, width)


def _library(step: Part) -> str | None:
    """Return the library that resizes, as `create_resizer` chooses it; None after a fault."""
    pillow, tensorflow = step.truth("use_pillow"), step.truth("use_tensorflow")
    named = step.text("resize_realization")
    if named is None:
        if pillow and tensorflow:
            step.refuse("use_tensorflow", "contradicts `use_pillow`, and Accuracy Checker refuses both together")
            return None
        named = "pillow" if pillow else "tf" if tensorflow else "opencv"
    library = named.lower()
    if library in _FILTERS:
        return library
    key = "resize_realization" if "resize_realization" in step else "use_tensorflow"
    if library == "tf":
        step.refuse(key, "TensorFlow's resize does not round to whole values, so the model would get different pixels")
    else:
        step.refuse(key, f"{shown(named)} is not one of opencv, pillow and tf")
    return None


def _filter(step: Part, library: str) -> str | None:
    """Return the filter's name; both libraries' default is bilinear."""
    named = step.text("interpolation") or "BILINEAR"
    found = _FILTERS[library].get(named.upper())
    if found is None:
        near = nearest(named.upper(), _FILTERS[library])
        hint = f"; did you mean {near[0]}?" if near else ""
        step.refuse(
            "interpolation",
            f"{shown(named)} is not a filter of {library} of the harness, so the model would get different "
            f"pixels{hint}",
        )
    return found


def _resize(step: Part, pixels: Pixels) -> None:
    size, library = _size(step), _library(step)
    interpolation = _filter(step, library) if library else step.text("interpolation")
    ratio = step.text("aspect_ratio_scale")
    scale, factor, boundary = step.number("scale"), step.whole("factor"), step.truth("include_boundary")
    del scale, boundary  # of `scale_factor` and of `factor` only; both are refused below
    if ratio is not None and ratio.lower() != "greater":
        step.refuse(
            "aspect_ratio_scale",
            f"{shown(ratio)} gives each image a size of its own; `greater` with one size can be carried over",
        )
        ratio = None
    elif ratio is not None and factor is not None and factor > 1:
        step.refuse("factor", "the harness does not round sizes to a multiple, so the model would get different sizes")
    if size is None:
        missing = "`size`, or `dst_width` and `dst_height`, is missing; Accuracy Checker refuses that, too"
        step.refuse(None, missing)
    elif ratio is not None and size[0] != size[1]:
        step.refuse("dst_width", "with `aspect_ratio_scale: greater` only one size for both sides can be carried over")
    step.finish()
    if size is None or library is None or interpolation is None:
        return
    _resized(step, pixels, size, short_side=ratio is not None, library=library, interpolation=interpolation)


def _auto_resize(step: Part, pixels: Pixels, input_size: tuple[int, int] | None) -> None:
    step.finish()
    if input_size is None:
        step.refuse("type", "resizes to the network's input, whose size neither `inputs` nor model.yml states")
        return
    _resized(step, pixels, input_size, short_side=False, library="opencv", interpolation="bilinear")


def _resized(
    step: Part, pixels: Pixels, size: tuple[int, int], *, short_side: bool, library: str, interpolation: str
) -> None:
    if library == "pillow" and pixels.floating:
        step.refuse("type", "Pillow resizes whole values only, and an earlier step made fractions of them")
        return
    _keep_fractions(step, pixels)
    where: dict[str, Any] = {"short_side": size[0]} if short_side else {"size": _square(size)}
    pixels.steps.append(Step("resize", {**where, "interpolation": interpolation, "library": library}, step.place()))
    pixels.height, pixels.width = size
    pixels.exact = not short_side
    pixels.floating = pixels.floating or library == "opencv"


def _keep_fractions(step: Part, pixels: Pixels) -> None:
    """Let a step that resizes work on floating values where Accuracy Checker's array has become floating before it.

    A resize after a normalisation, or after OpenCV's first one, does not round. Its weights add up to 1, so mean and
    scale may follow it, where they are the model's contract: only the change to floating point comes before.
    """
    if pixels.floating and not any(item.kind == "normalize" for item in pixels.steps):
        place = f"the next step does not round, {step.place()}"
        pixels.steps.append(Step("normalize", {"mean": 0.0, "scale": 1.0}, place))


def _crop(step: Part, pixels: Pixels) -> None:
    size, fraction = _size(step), step.number("central_fraction")
    square, pillow = step.truth("max_square"), step.truth("use_pillow")
    step.finish()
    if fraction is not None and not 0 <= fraction <= 1:
        step.refuse("central_fraction", f"{fraction:g} is not a fraction between 0 and 1")
        return
    chosen = [name for name, value in (("size", size), ("central_fraction", fraction), ("max_square", square)) if value]
    if len(chosen) != 1:
        many = f"{' and '.join(chosen)} contradict each other" if chosen else "neither a size nor a fraction is given"
        step.refuse(None, f"{many}, and Accuracy Checker refuses that, too")
        return
    if square:
        step.refuse("max_square", "the harness cannot crop a square of each image's short side")
        return
    if pillow and pixels.floating:
        step.refuse("use_pillow", "Pillow cuts whole values only, and an earlier step made fractions of them")
        return
    library = {"library": "pillow" if pillow else "opencv"}
    if fraction:
        pixels.steps.append(Step("crop", {"fraction": fraction, **library}, step.place()))
        if pixels.height is not None and pixels.width is not None:
            pixels.height, pixels.width = int(pixels.height * fraction), int(pixels.width * fraction)
        return
    assert size is not None
    known = (pixels.height, pixels.width)
    exceeds = any(least is not None and side > least for side, least in zip(size, known, strict=True))
    if not pillow and (exceeds or None in known):
        _keep_fractions(step, pixels)  # OpenCV enlarges what is smaller, and cuts then
    beyond = {"rounding": "half_even" if pillow else "floor"} if exceeds else {}
    pixels.steps.append(Step("crop", {"size": _square(size), **library, **beyond}, step.place()))
    pixels.height, pixels.width, pixels.exact = size[0], size[1], True


def _normalization(step: Part, pixels: Pixels) -> None:
    found = {name: _channels(step, name) for name in ("mean", "std")}
    step.truth("images_only")
    step.finish()
    if "mean" not in step and "std" not in step:
        step.refuse(None, "has neither `mean` nor `std`, which Accuracy Checker refuses, too")
    mean, scale = found["mean"] or (0.0, 0.0, 0.0), found["std"] or (1.0, 1.0, 1.0)
    if 0.0 in scale:
        step.refuse("std", "a zero would divide by zero")
        return
    joined = pixels.affine.then(mean, scale, step.place())
    if not all(_SMALLEST < abs(value) < _HUGE for value in joined.scale) or max(map(abs, joined.mean)) > _HUGE:
        step.refuse(None, "gives values that are useless to a network: too large, or all the same")
        return
    pixels.affine, pixels.floating = joined, True


def _channels(step: Part, name: str) -> Triple | None:
    """Return three numbers: of a named set, of a scalar, of a list, or of a text such as ``(0.485, 0.456, 0.406)``."""
    value = step.raw(name)
    if value is None:
        return None
    if isinstance(value, str) and value.strip().lower() in _NAMED:
        return _NAMED[value.strip().lower()]
    numbers = numbers_in(value)
    if numbers is None or len(numbers) not in (1, 3) or any(abs(number) > 1e12 for number in numbers):
        step.refuse(name, f"{shown(value)} is neither one number, nor three, nor one of {', '.join(_NAMED)}")
        return None
    return _triple(numbers * (3 // len(numbers)))


def one_or_three(values: Triple) -> float | list[float]:
    """Return one number where all three are the same, else a list."""
    return values[0] if len(set(values)) == 1 else list(values)


def _square(size: tuple[int, int]) -> int | list[int]:
    return size[0] if size[0] == size[1] else list(size)


def _triple(values: Any) -> Triple:
    one, two, three = values
    return one, two, three


def _tidy(value: float) -> float:
    """Return the value without the last binary digits: 0.485 times 255 is 123.675."""
    return number_in(f"{value:.12g}") or 0.0
