"""Ways of feeding one model, as plain data: which pixels, colour order, mean and scale, and order of the axes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.config import Input, Preprocess
from harness.config.color import Color, Triple
from harness.config.steps import NormalizeStep
from harness.diagnosis.affine import Affine
from harness.diagnosis.changes import (
    CAST_CHANGES,
    COLOR_ORDER,
    LAYOUT_CHANGES,
    NORMALISATION_CHANGES,
    Array,
    Change,
)
from harness.diagnosis.preprocessing import PixelChange
from harness.feeding.contract import DECODED
from harness.feeding.families import NORMALISATIONS

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
        """Return float64 pixels (..., 3), which may lie between whole ones and outside of 0..255."""
        assert self.change.cast is not None
        return self._as_pixels(self.change.cast(self._seen(pixels)))

    def alike(self, pixels: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return two arrays of float64 pixels that the cast makes the same values of, however the division is done."""
        assert self.change.cast is not None
        assert self.change.cell is not None
        one, other = self.change.cell(self.change.cast(self._seen(pixels)))
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
        mean, scale = (_written(values) for values in (self.mean, self.scale))
        shifted = "x" if set(self.mean) == {0.0} else f"x - {mean}"
        if set(self.scale) == {1.0}:
            return shifted
        return f"{shifted} / {scale}" if shifted == "x" else f"({shifted}) / {scale}"

    @property
    def words(self) -> str:
        """Colour order and normalisation in words."""
        return f"{self.color} as {self.formula}"


def _written(values: Triple) -> str:
    return f"{values[0]:.6g}" if len(set(values)) == 1 else f"[{', '.join(f'{value:.6g}' for value in values)}]"


def as_setting(values: Triple) -> str:
    """Return a mean or scale as the configuration has it."""
    return _written(values)


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


@dataclass(frozen=True)
class Trial:
    """One way to feed the candidate, and which changes it takes back."""

    changes: tuple[Change | PixelChange, ...]
    feeding: Feeding


def sees(candidate: Feeding, reference: Feeding, seen: Affine) -> Feeding:
    """Return how to feed a candidate whose network sees ``seen`` of the pixels, so that it sees the reference's values.

    ``seen``: in the reference's colour order. As configured, what is behind the contract c of the candidate is
    seen(c^-1), so it needs c(seen^-1(reference(x))).
    """
    needed = reference.affine.then(seen.inverse()).ordered(reference.color, candidate.color)
    return candidate.with_affine(needed.then(candidate.affine))


def swapped_color(feeding: Feeding, *, with_numbers: bool = False) -> Feeding:
    """Return the same with the other colour order; mean and scale keep their places, or go with their colours."""
    swapped = dataclasses.replace(feeding, color="RGB" if feeding.color == "BGR" else "BGR")
    return swapped.with_affine(feeding.affine.ordered(feeding.color, swapped.color)) if with_numbers else swapped


def singles(candidate: Feeding, reference: Feeding, pixel_changes: Sequence[PixelChange]) -> dict[str, list[Trial]]:
    """Return every way of feeding that takes back one change, by the kind of change; none twice."""
    height, width = candidate.preprocess.output_size
    known = {candidate.key}
    found: dict[str, list[Trial]] = {"color": [], "normalisation": [], "layout": [], "pixels": []}

    def add(kind: str, change: Change | PixelChange, feeding: Feeding) -> None:
        if feeding.key not in known:
            known.add(feeding.key)
            found[kind].append(Trial((change,), feeding))

    for with_numbers in (False, True):
        add("color", COLOR_ORDER, swapped_color(candidate, with_numbers=with_numbers))
    for pixel_change in pixel_changes:
        add("pixels", pixel_change, dataclasses.replace(candidate, preprocess=pixel_change.preprocess))
    for change, feeding in _normalisations(candidate, reference):
        add("normalisation", change, feeding)
    for change in LAYOUT_CHANGES:
        if height == width or change.cause != "layout" or change.words != "rows and columns exchanged":
            add("layout", change, dataclasses.replace(candidate, undo=change))
    return found


def _normalisations(candidate: Feeding, reference: Feeding) -> Iterator[tuple[Change, Feeding]]:
    """Yield each change of the normalisation with the feeding that takes it back."""
    in_rgb = reference.affine.ordered(reference.color, "RGB")
    for change in NORMALISATION_CHANGES:
        assert change.normalisation is not None
        seen = Affine(*change.normalisation(in_rgb.mean, in_rgb.scale)).ordered("RGB", reference.color)
        yield change, sees(candidate, reference, seen)
    for name, (mean, scale) in NORMALISATIONS.items():
        change = Change("input-range", f"expects {name}")
        yield change, candidate.with_affine(Affine(mean, scale).ordered("RGB", candidate.color))


def casts(reference: Feeding, *, otherwise: bool) -> Iterator[tuple[tuple[Change, ...], Affine]]:
    """Yield each cast after the reference's mean and scale, with what the network sees before it.

    ``otherwise``: after another mean and scale than the reference's; these changes come first. What the network sees is
    in the reference's colour order.
    """
    in_rgb = reference.affine.ordered(reference.color, "RGB")
    before: list[tuple[tuple[Change, ...], Affine]] = [((), reference.affine)]
    if otherwise:
        before = [
            ((change,), Affine(*change.normalisation(in_rgb.mean, in_rgb.scale)).ordered("RGB", reference.color))
            for change in NORMALISATION_CHANGES
            if change.normalisation is not None
        ]
    for changes, seen in before:
        for cast in CAST_CHANGES:
            yield (*changes, cast), seen


def pairs(single: dict[str, list[Trial]], reference: Feeding) -> Iterator[Trial]:
    """Yield every way of feeding that takes back two changes of different kinds; none twice.

    Mean and scale of a model with the other colour order are taken as those of that order first.
    """
    known: set[tuple[object, ...]] = set()

    def fresh(trial: Trial) -> bool:
        is_new = trial.feeding.key not in known
        known.add(trial.feeding.key)
        return is_new

    for one in single["color"]:
        for change, feeding in _normalisations(one.feeding, reference):
            if feeding.key != one.feeding.key and fresh(trial := Trial((*one.changes, change), feeding)):
                yield trial
    for first, second in combinations(single, 2):
        for one in single[first]:
            for other in single[second]:
                both = Trial((*one.changes, *other.changes), _both(one.feeding, other.feeding, first, second))
                if fresh(both):
                    yield both


def _both(one: Feeding, other: Feeding, first: str, second: str) -> Feeding:
    """Return one feeding with what another kind of change has changed in the other."""
    fields = {
        "color": ("color",),
        "normalisation": ("mean", "scale"),
        "layout": ("undo",),
        "pixels": ("preprocess",),
    }
    assert first != second
    return dataclasses.replace(one, **{name: getattr(other, name) for name in fields[second]})
