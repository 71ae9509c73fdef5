"""Ways of feeding one model, as plain data: which pixels, colour order, mean and scale, and order of the axes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.config import Input, Preprocess
from harness.config.color import Color, Triple
from harness.config.steps import NormalizeStep
from harness.diagnosis.affine import Affine
from harness.diagnosis.changes import Array, Change
from harness.feeding.contract import DECODED

Division = Literal["exact", "reciprocal", "joined", "fused", "above", "below"]
DIVISIONS: tuple[Division, ...] = ("exact", "reciprocal", "joined", "fused", "above", "below")
_ROUNDING = 2.0**-20  # of a division that a framework has rewritten
_DIGITS = 9  # of a mean or scale: what differs beyond that is the same way of feeding


@dataclass(frozen=True)
class Cast:
    """What pixels become whose values are cast to whole numbers after a mean and scale.

    ``seen``: mean and scale before the cast; ``shown``: those for which the pixels are made; both in the colour order
    of the pixels; ``division``: how it is done, which decides what a value becomes that is a whole number.
    """

    change: Change
    seen: Affine
    shown: Affine
    division: Division = "exact"

    def of(self, pixels: Array) -> NDArray[np.float64]:
        """Return float64 pixels (..., 3), which may be between whole ones and outside of 0..255."""
        return self._as_pixels(self.cast_values(pixels))

    def cast_values(self, pixels: Array) -> Array:
        """Return the values after mean, scale and cast."""
        assert self.change.cast is not None
        return self.change.cast(self._seen(pixels))

    def alike(self, pixels: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return two arrays of float64 pixels that the cast makes the same values of, however the division is done."""
        assert self.change.cell is not None
        one, other = self.change.cell(self.cast_values(pixels))
        return self._as_pixels(one), self._as_pixels(other)

    def _as_pixels(self, values: Array) -> NDArray[np.float64]:
        return np.asarray(values.astype(np.float64) * self.shown.scale + self.shown.mean)

    def _seen(self, pixels: Array) -> NDArray[np.float32]:
        mean, scale = (np.asarray(values, np.float32) for values in (self.seen.mean, self.seen.scale))
        shifted = pixels.astype(np.float32) - mean
        by = np.float32(1) / scale
        if self.division == "reciprocal":
            return np.asarray(shifted * by, np.float32)
        if self.division == "joined":
            return np.asarray(pixels.astype(np.float32) * by - mean * by, np.float32)
        if self.division == "fused":
            return np.asarray(pixels.astype(np.float64) * by - mean * by, np.float32)
        factor = {"exact": 1.0, "above": 1 + _ROUNDING, "below": 1 - _ROUNDING}[self.division]
        return np.asarray(shifted / scale * np.float32(factor), np.float32)


@dataclass(frozen=True)
class Feeding:
    """How a model's file is fed: ``(pixel - mean) / scale`` in the order ``color``, then ``undo`` of a layout.

    ``preprocess``: makes the pixels, without the normalisation at its end, which is part of ``mean`` and ``scale``;
    ``cast``: what happens to the pixels before, in the order ``color``.
    """

    preprocess: Preprocess
    color: Color
    mean: Triple
    scale: Triple
    undo: Change | None = None
    cast: Cast | None = None

    def values(self, pixels: Array) -> NDArray[np.float32]:
        """Return float32 (n, height, width, 3) for pixels of ``preprocess``, BGR: what enters the model's file."""
        ordered = self.ordered(pixels)
        return self.of_ordered(ordered if self.cast is None else self.cast.of(ordered))

    def ordered(self, pixels: Array) -> Array:
        """Return pixels, BGR, in the order ``color``."""
        return pixels if self.color == DECODED else pixels[..., ::-1]

    def of_ordered(self, pixels: Array) -> NDArray[np.float32]:
        """Return what enters the model's file for pixels in the order ``color``, behind any cast."""
        values = ((pixels.astype(np.float64) - self.mean) / self.scale).astype(np.float32)
        if self.undo is not None and self.undo.undo is not None:
            values = self.undo.undo(values)
        return np.ascontiguousarray(values)

    @property
    def affine(self) -> Affine:
        """Mean and scale, in the colour order ``color``."""
        return Affine(self.mean, self.scale)

    def with_affine(self, affine: Affine) -> Feeding:
        """Return the same with another mean and scale, in the colour order ``color``."""
        rounded = affine.rounded()
        return dataclasses.replace(self, mean=rounded.mean, scale=rounded.scale)

    @property
    def key(self) -> tuple[object, ...]:
        """What is equal for two ways of feeding that give the same values."""
        numbers = tuple(round(value, _DIGITS) for value in (*self.mean, *self.scale))
        return (self.preprocess.pixels_key, self.color, numbers, self.undo.words if self.undo else None)

    @property
    def formula(self) -> str:
        """The normalisation as it is written: ``(x - 127.5) / 127.5``."""
        return self.affine.formula

    @property
    def words(self) -> str:
        """A description of colour order and normalisation."""
        return f"{self.color} as {self.formula}"


def feeding_of(contract: Input, preprocess: Preprocess) -> Feeding:
    """Return how a configured model is fed; a normalisation that ends ``preprocess`` counts as part of the contract."""
    mean, scale = contract.mean_per_channel, contract.scale_per_channel
    steps = preprocess.resolved_steps
    if isinstance(last := steps[-1], NormalizeStep) and len(steps) > 1:
        written = [step.model_dump(mode="json", exclude_none=True) for step in preprocess.written_steps[:-1]]
        preprocess = Preprocess.model_validate(
            {"decoder": preprocess.resolved_decoder, "exif": preprocess.exif, "steps": written}
        )
        first = Affine(last.mean, last.scale).ordered("RGB", contract.color)
        whole = first.then(Affine(mean, scale)).rounded()
        mean, scale = whole.mean, whole.scale
    return Feeding(preprocess, contract.color, mean, scale)


def swapped_color(feeding: Feeding, *, with_numbers: bool = False) -> Feeding:
    """Return the same with the other colour order; mean and scale keep their places, or go with their colours."""
    swapped = dataclasses.replace(feeding, color="RGB" if feeding.color == "BGR" else "BGR")
    return swapped.with_affine(feeding.affine.ordered(feeding.color, swapped.color)) if with_numbers else swapped
