"""Ways of feeding one model, as plain data: which pixels, colour order, mean and scale, and order of the axes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from harness.config import Input, Preprocess
from harness.config.color import Color, Triple
from harness.config.steps import NormalizeStep
from harness.diagnosis.affine import Affine
from harness.diagnosis.changes import (
    COLOR_ORDER,
    LAYOUT_CHANGES,
    NORMALISATION_CHANGES,
    Array,
    Change,
)
from harness.diagnosis.preprocessing import PixelChange
from harness.feeding.contract import DECODED
from harness.feeding.families import NORMALISATIONS

_DIGITS = 9  # of a mean or scale: what differs beyond that is the same way of feeding


@dataclass(frozen=True)
class Feeding:
    """How a model's file is fed: ``(pixel - mean) / scale`` in the order ``color``, then ``undo`` of a layout.

    ``preprocess``: makes the pixels, without the normalisation at its end, which is part of ``mean`` and ``scale``.
    """

    preprocess: Preprocess
    color: Color
    mean: Triple
    scale: Triple
    undo: Change | None = None

    def values(self, pixels: Array) -> NDArray[np.float32]:
        """Return float32 (n, height, width, 3) for pixels of ``preprocess``, BGR: what enters the model's file."""
        ordered = pixels if self.color == DECODED else pixels[..., ::-1]
        values = ((ordered.astype(np.float64) - self.mean) / self.scale).astype(np.float32)
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
