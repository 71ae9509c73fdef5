"""What matched layers give for the same images: signal to noise, cosine and largest difference along the network.

A layer is looked at twice where the backend can cut its network: inside the whole network, where it inherits what is
wrong before it, and alone, fed with what the original's operations gave.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.backends.base import Pixels
from harness.backends.observing import Floats, Observer
from harness.diagnosis.layers.matching import Match

MOST_DB = 200.0  # stands for no difference at all
_SAME = 1e-5  # of the largest answer, or of 1: what an observed f32 network may differ by
_AXES: tuple[tuple[int, ...], ...] = ((0, 1, 2, 3), (0, 3, 1, 2), (0, 2, 3, 1))


@dataclass(frozen=True)
class Difference:
    """Of what one layer gives: ``snr_db``: signal to noise in dB, 200 for none; ``largest``: difference of a value."""

    snr_db: float
    cosine: float
    largest: float


@dataclass(frozen=True)
class Seen:
    """What was seen of one matched layer, or of the output; None if it cannot be known.

    ``inside``: within the whole network; ``alone``: fed with what the original's operations gave; ``limits``: the
    smallest and the largest value that the reference and the candidate gave inside.
    """

    reference: str
    candidate: str
    inside: Difference | None
    alone: Difference | None
    limits: tuple[tuple[float, float], tuple[float, float]] | None


@dataclass(frozen=True)
class Profile:
    """All layers in the reference's order, the output last.

    ``answers``: largest difference of the two models' predictions; ``disturbed``: of the candidate's predictions while
    it is observed from those while it is not, over the largest answer above 1.
    """

    rows: tuple[Seen, ...]
    answers: float
    disturbed: float
    images: int

    @property
    def is_faithful(self) -> bool:
        """Whether the observed network is the one that answers."""
        return self.disturbed <= _SAME


def observe(
    matches: Sequence[Match], reference: Observer, candidate: Observer, pixels: tuple[Pixels, Pixels]
) -> Profile:
    """Run both networks, all matched layers observed. ``pixels``: of the reference and of the candidate."""
    ours, theirs = reference.network.output, candidate.network.output
    points = [item.reference.point for item in matches], [item.candidate.point for item in matches]
    truth = reference.activations(pixels[0], _each([*points[0], ours]))
    found = candidate.activations(pixels[1], _each([*points[1], theirs]))
    unobserved = candidate.answers(pixels[1])
    disturbed = _largest(unobserved, found[theirs]) / max(1.0, float(np.abs(unobserved).max(initial=0)))
    ends = [(item.reference.point, item.candidate.point) for item in matches]
    if (ours, theirs) not in ends:
        ends.append((ours, theirs))
    turned = {there: _as_there(truth[here], found[there]) for here, there in ends}
    alone = _alone(candidate, pixels[1], turned)
    faithful = disturbed <= _SAME
    rows = []
    for here, there in ends:
        wanted = turned[there]
        inside = difference(wanted, found[there]) if wanted is not None and faithful else None
        part = difference(wanted, alone[there]) if wanted is not None and there in alone else None
        limits = (_limits(truth[here]), _limits(found[there])) if wanted is not None else None
        rows.append(Seen(here, there, inside, part, limits))
    return Profile(tuple(rows), _largest(reference.answers(pixels[0]), unobserved), disturbed, len(pixels[0]))


def _each(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _alone(candidate: Observer, pixels: Pixels, turned: Mapping[str, Floats | None]) -> dict[str, Floats]:
    if not candidate.cuts:
        return {}
    return candidate.parts(pixels, {name: values for name, values in turned.items() if values is not None})


def _limits(values: Floats) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _largest(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    if one.size != other.size:
        return float("inf")
    return float(np.abs(one.reshape(-1).astype(np.float64) - other.reshape(-1)).max(initial=0))


def _as_there(values: Floats, there: Floats) -> Floats | None:
    """Return what the reference gave in the candidate's order of axes; None if the two do not have one size.

    Which order that is the shapes tell, and where they allow several, the values.
    """
    if values.size != there.size or len(values) != len(there):
        return None
    choices = []
    if values.ndim == 4:
        choices = [values.transpose(axes) for axes in _AXES]
        choices += [each.reshape(there.shape) for each in choices if there.ndim != 4]
    fitting = [each for each in choices if each.shape == there.shape] or [values.reshape(there.shape)]
    best = max(fitting, key=lambda each: cosine(each, there)) if len(fitting) > 1 else fitting[0]
    return np.ascontiguousarray(best)


def difference(wanted: Floats, found: Floats) -> Difference:
    """Return how far values are from those wanted: two arrays of one shape."""
    true, noise = wanted.astype(np.float64).reshape(-1), found.astype(np.float64).reshape(-1)
    noise = noise - true
    signal, lost = float(true @ true), float(noise @ noise)
    if not np.isfinite(lost):
        return Difference(-MOST_DB, 0.0, float("inf"))
    snr = MOST_DB if lost == 0 else -MOST_DB if signal == 0 else 10 * float(np.log10(signal / lost))
    largest = float(np.abs(noise).max(initial=0))
    return Difference(float(np.clip(snr, -MOST_DB, MOST_DB)), cosine(wanted, found), largest)


def cosine(one: Floats, other: Floats) -> float:
    """Return the cosine between two arrays as vectors; 1 for two of zeros, 0 for one."""
    first, second = one.astype(np.float64).reshape(-1), other.astype(np.float64).reshape(-1)
    lengths = float(np.linalg.norm(first)), float(np.linalg.norm(second))
    if 0.0 in lengths:
        return float(lengths[0] == lengths[1])
    return float(np.clip(first @ second / (lengths[0] * lengths[1]), -1, 1))


# What a layer alone gives at each way to compute and to hold weights, in dB: below, something else is wrong with it.
_LIMITS: dict[str, float] = {"f32": 80.0, "narrow": 25.0, "int": 18.0}
_LEAST_INT = 10.0  # dB that 8 bits with the right limits keep, however noisy the other layers are
_APART = 20.0  # dB below the middle of all layers


def diverging(profile: Profile, kind: str) -> int | None:
    """Return the first row that computes something else than the original's; None if none does, or it is unknown.

    ``kind``: f32, narrow (f16, bf16, or weights that were) or int. Other layers' noise is the measure where rounding
    makes some. Without parts, a layer diverges where the noise rises far above that of all layers before it.
    """
    alone = [row.alone.snr_db if row.alone else None for row in profile.rows]
    if any(value is not None for value in alone):
        known = [value for value in alone if value is not None]
        middle = float(np.median(known))
        limit = _LIMITS[kind] if kind == "f32" else min(_LIMITS[kind], middle - _APART)
        if kind == "int":
            limit = max(limit, _LEAST_INT)
        return next((place for place, value in enumerate(alone) if value is not None and value < limit), None)
    inside = [row.inside.snr_db if row.inside else None for row in profile.rows]
    return _falling(inside, kind)


def _falling(inside: Sequence[float | None], kind: str) -> int | None:
    known = [(place, value) for place, value in enumerate(inside) if value is not None]
    for before, (place, value) in itertools.pairwise(known):
        if value < _LIMITS[kind] and value < before[1] - _APART:
            return place
    return None


def is_fed_otherwise(profile: Profile, kind: str) -> bool:
    """Return whether the first layer already differs in the whole network, though not alone."""
    first = next((row for row in profile.rows if row.inside), None)
    if first is None or first.inside is None:
        return False
    alone = first.alone is None or first.alone.snr_db >= _LIMITS[kind]
    return first.inside.snr_db < _LIMITS[kind] and alone
