"""Ways of feeding a candidate that take changes back: each change alone, two together, and casts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from harness.diagnosis.affine import Affine
from harness.diagnosis.changes import (
    CAST_CHANGES,
    CHANNEL_CHANGES,
    COLOR_ORDER,
    LAYOUT_CHANGES,
    NORMALISATION_CHANGES,
    OF_SQUARES,
    Change,
)
from harness.diagnosis.feedings import Feeding, swapped_color
from harness.diagnosis.mixtures import cause_of, mixtures
from harness.diagnosis.preprocessing import PixelChange
from harness.feeding.families import NORMALISATIONS


@dataclass(frozen=True)
class Trial:
    """One way to feed the candidate, and which changes it takes back.

    ``by_reference``: nothing is taken back; the reference is fed what the candidate sees.
    """

    changes: tuple[Change | PixelChange, ...]
    feeding: Feeding
    by_reference: bool = False


def sees(candidate: Feeding, reference: Feeding, seen: Affine) -> Feeding:
    """Return how to feed a candidate whose network sees ``seen`` of the pixels, so that it sees the reference's values.

    ``seen``: in the reference's colour order. As configured, what is behind the contract c of the candidate is
    seen(c^-1), so it needs c(seen^-1(reference(x))).
    """
    needed = reference.affine.then(seen.inverse()).ordered(reference.color, candidate.color)
    return candidate.with_affine(needed.then(candidate.affine))


def is_mean_or_scale(trial: Trial) -> bool:
    """Return whether a trial takes back a mean or a scale, and nothing else."""
    return all(
        isinstance(change, Change) and (change.normalisation is not None or change.words.startswith("expects"))
        for change in trial.changes
    )


def singles(candidate: Feeding, reference: Feeding, pixel_changes: Sequence[PixelChange]) -> dict[str, list[Trial]]:
    """Return every way of feeding that takes back one change, by the kind of change; none twice."""
    height, width = candidate.preprocess.output_size
    known = {candidate.key}
    found: dict[str, list[Trial]] = {"color": [], "normalisation": [], "layout": [], "pixels": [], "channels": []}

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
        if height == width or change.words not in OF_SQUARES:
            add("layout", change, dataclasses.replace(candidate, undo=change))
    for change in CHANNEL_CHANGES:
        add("channels", change, dataclasses.replace(candidate, undo=change))
    return found


def _normalisations(candidate: Feeding, reference: Feeding) -> Iterator[tuple[Change, Feeding]]:
    """Yield each change of the normalisation with the feeding that takes it back."""
    in_rgb = reference.affine.ordered(reference.color, "RGB")
    for change in NORMALISATION_CHANGES:
        assert change.normalisation is not None
        seen = Affine(*change.normalisation(in_rgb.mean, in_rgb.scale)).ordered("RGB", reference.color)
        yield change, sees(candidate, reference, seen)
    for name, expected in {
        "what the reference is fed": in_rgb,
        **{k: Affine(*v) for k, v in NORMALISATIONS.items()},
    }.items():
        fed = candidate.with_affine(expected.ordered("RGB", candidate.color))
        yield Change(_cause_of(candidate, fed, reference), f"expects {name}"), fed


def _cause_of(own: Feeding, fed: Feeding, reference: Feeding) -> str:
    """Return the cause if a candidate needs another mean and scale, of any family."""
    seen = own.affine.then(fed.affine.inverse()).ordered(own.color, reference.color).then(reference.affine)
    cause = cause_of(reference.affine.rounded(), seen.rounded())
    return "input-range" if cause == "other-mean-and-scale" else cause


def mixed(candidate: Feeding, reference: Feeding, others: Sequence[Trial] = ()) -> Iterator[Trial]:
    """Yield every way of feeding that takes back a known mean with a known scale; none twice.

    ``others``: trials of another kind than mean and scale, each of which is taken back as well.
    """
    in_rgb = reference.affine.ordered(reference.color, "RGB")
    known: set[tuple[object, ...]] = set()
    for change in mixtures(in_rgb.mean, in_rgb.scale):
        assert change.normalisation is not None
        seen = Affine(*change.normalisation(in_rgb.mean, in_rgb.scale)).ordered("RGB", reference.color)
        for other in others or (Trial((), candidate),):
            fed = sees(other.feeding, reference, seen)
            if fed.key not in known:
                known.add(fed.key)
                yield Trial((*other.changes, change), fed)


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

    Mean and scale of a model with the other colour order are taken as those of that order first. Orders of the channels
    other than red and blue swapped are tried alone only.
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
    for first, second in combinations([kind for kind in single if kind != "channels"], 2):
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
