"""What a model's file states: its tensors, and how it expects its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from harness.backends.layouts import Layout, layout_of
from harness.config.color import Color, Triple

T = TypeVar("T")
# From what was trained to what was made of it last; the first of several models is the least derived one.
Derivation = Literal["trained", "exported", "quantised", "converted"]
DERIVATIONS: tuple[Derivation, ...] = ("trained", "exported", "quantised", "converted")


@dataclass(frozen=True)
class Stated(Generic[T]):
    """A value, and where it is stated, for a comment: `rt_info of NAME.xml`."""

    value: T
    source: str


@dataclass(frozen=True)
class Tensor:
    """An input or output of a model.

    ``shape``: None for a free side; None for the whole where even the rank is free. ``dtype``: as numpy names it.
    ``quantization``: scale and zero point of the whole tensor: real value = scale * (stored value - zero point).
    ``operation``: what computes an output, as its framework names it, such as ``Softmax``; empty if unknown.
    ``aliases``: other names that it has in the file.
    """

    name: str
    shape: tuple[int | None, ...] | None
    dtype: str
    quantization: tuple[float, int] | None = None
    operation: str = ""
    aliases: tuple[str, ...] = ()

    def is_called(self, name: str | None) -> bool:
        """Return whether this is one of its names, with or without the `:0` of its only value."""
        return name is not None and name.removesuffix(":0") in (
            each.removesuffix(":0") for each in (self.name, *self.aliases)
        )

    @property
    def layout(self) -> Layout | None:
        """The order of the axes of an image input; None if the shape does not determine it."""
        return None if self.shape is None else layout_of(self.shape)

    @property
    def sides(self) -> tuple[int | None, int | None]:
        """Height and width of an image input in pixels, None if free or unknown."""
        if self.shape is None or len(self.shape) != 4:
            return None, None
        return (self.shape[2], self.shape[3]) if self.layout == "NCHW" else (self.shape[1], self.shape[2])

    @property
    def width(self) -> int | None:
        """Values an image of an output `[N,C]`, `[C]`, `[N,C,1,1]` or `[N,1,C]`; None if it cannot be one of these.

        The first axis counts the images, but where it is the only one.
        """
        if not self.shape:
            return None
        own = self.shape[1:] if len(self.shape) > 1 else self.shape
        if any(side is None for side in own):
            return None
        longer = [side for side in own if side is not None and side != 1]
        return longer[0] if len(longer) == 1 else None


@dataclass(frozen=True)
class ModelDescription:
    """What a model states about itself, read without running it.

    ``inputs``, ``outputs``: in the file's order. ``source``: where they were read, for comments. ``derivation``: how
    far the file is from what was trained. ``color``, ``mean``, ``scale``: of the pixels that it is to be **fed**, mean
    and scale in the order of its colour channels; None if the file says nothing. ``inside``: sentences on what the
    model does to its pixels itself. ``classes``: names of its classes, in order.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    source: str
    derivation: Derivation
    color: Stated[Color] | None = None
    mean: Stated[Triple] | None = None
    scale: Stated[Triple] | None = None
    inside: tuple[Stated[str], ...] = field(default=())


def shape_of(sides: Sequence[int | str | None]) -> tuple[int | None, ...]:
    """Return a shape in which names, None, 0 and negative numbers are free sides."""
    return tuple(side if isinstance(side, int) and side > 0 else None for side in sides)


def shape_words(shape: tuple[int | None, ...] | None) -> str:
    """Return a shape for messages and comments: `[?, 224, 224, 3]`."""
    return (
        "of unknown shape" if shape is None else f"[{', '.join('?' if side is None else str(side) for side in shape)}]"
    )


def unquantised_pixels(tensor: Tensor) -> tuple[float, float] | None:
    """Return the mean and scale with which a quantised input stores each pixel value as it is; None if it is none.

    ``(x - mean) / scale`` then is ``quantization scale * (stored - zero point)`` for the stored value x of uint8, and
    x - 128 of int8. Source: https://ai.google.dev/edge/litert/models/quantization_spec
    """
    if tensor.quantization is None or tensor.dtype not in ("uint8", "int8"):
        return None
    scale, zero_point = tensor.quantization
    mean = float(zero_point + (128 if tensor.dtype == "int8" else 0))
    divisor = 1.0 / scale
    nearest = round(divisor * 2) / 2  # 1 / 0.0078125 is 128; 1 / 0.00784314 is meant as 127.5
    return mean, nearest if abs(divisor - nearest) <= 1e-3 * divisor else divisor
