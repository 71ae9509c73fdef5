"""The error that a precision has anyway: a candidate's own network rounded to it, against itself without rounding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.backends.base import Backend, ModelSpec, Pixels, Probabilities
from harness.backends.opening import open_rounded
from harness.config.gates import PRECISIONS
from harness.engine.answers import Classes
from harness.engine.first_images import FirstImages
from harness.engine.input_changes import input_changes
from harness.engine.lane import Lane
from harness.engine.run import Run
from harness.errors import DeviceError, ModelError
from harness.feeding.other_filters import other_filters
from harness.feeding.outputs import Applied
from harness.metrics.outcome import absolute_difference
from harness.record.schema import InputChange, YardstickPart

# Random roundings of the weights, where they are random: all images share each of them, so that one would say little.
DRAWS = {"f16": 4, "bf16": 4, "int8": 1}


def measure_yardsticks(run: Run, first: FirstImages) -> tuple[YardstickPart, ...]:
    """Measure what rounding does to each candidate whose gate `parity` is judged by a precision.

    A candidate that took no part in the run has none here either.
    """
    found = []
    for candidate in run.config.candidates:
        gate = run.config.gates_for(candidate).parity
        if gate is None or gate.yardstick not in PRECISIONS or candidate.id in run.failures or not run.tables:
            continue
        lane = next(lane for lane in run.models.lanes if lane.spec.id == candidate.id)
        found.append(_measured(run, lane, first, gate.yardstick, gate.images))
    return tuple(found)


def _measured(run: Run, lane: Lane, first: FirstImages, precision: str, count: int) -> YardstickPart:
    own = run.preprocess_of(lane)
    decoded = first.of(lane, _first_rows(run, count), *other_filters(own).values())
    classes = Classes.common(run.config.dataset.background_class, [each.spec.background for each in run.models.lanes])
    try:
        good = decoded.good
        compared = _compared_with(run, lane, first, len(good), good, classes)
        found = rounding_errors(lane.spec, lane.applied, classes, decoded.pixels[good], precision, compared)
        return YardstickPart(
            model=lane.spec.id, yardstick=precision, errors=tuple(found.errors.tolist()), input_changes=found.changes
        )
    except (ModelError, DeviceError) as error:
        return YardstickPart(model=lane.spec.id, yardstick=precision, error=str(error))


def _compared_with(
    run: Run, lane: Lane, first: FirstImages, rows: int, good: NDArray[np.bool_], classes: Classes
) -> Compared | None:
    """Return the reference's predictions for the good images, and their pixels by other filters; None without any."""
    reference = next((each for each in run.models.lanes if each.role == "reference"), None)
    if reference is None:
        return None
    decoded = first.of(reference, rows)
    if not (decoded.good == good).all():  # bad for one preprocessing only
        return None
    digests = tuple(digest for digest, kept in zip(decoded.image_digests, good.tolist(), strict=True) if kept)
    try:
        raw = reference.answer(decoded.pixels[good], digests).raw
    except (ModelError, DeviceError):  # recorded without these, or on another machine
        return None
    own = run.preprocess_of(lane)
    others = {name: first.by(other, rows) for name, other in other_filters(own).items()}
    return Compared(
        classes.of(reference.spec, raw, reference.applied),
        {name: other.pixels[good] for name, other in others.items() if (other.good == good).all()},
    )


def _first_rows(run: Run, count: int) -> int:
    """Return how many first rows hold the images that the gate looks at; bad ones are among them unless skipped."""
    evaluated = sum(len(table.rows) for table in run.tables)
    if run.config.dataset.bad_images.policy != "skip":
        return min(count, evaluated)
    kept = [row for row in range(evaluated) if row not in run.bad][:count]
    return kept[-1] + 1 if kept else 0


@dataclass(frozen=True)
class Compared:
    """The reference's probabilities of the common classes, and the candidate's images by other filters."""

    reference: Probabilities
    others: Mapping[str, Pixels]


@dataclass(frozen=True)
class Rounding:
    """What rounding does to each image's probabilities, and what known changes of the input have to do with the error.

    ``errors``: float64 (n,), the mean absolute differences.
    """

    errors: NDArray[np.float64]
    changes: tuple[InputChange, ...] = ()


def rounding_errors(
    spec: ModelSpec,
    applied: Applied | None,
    classes: Classes,
    pixels: Pixels,
    precision: str,
    compared: Compared | None = None,
) -> Rounding:
    """Return how far rounding moves each image's probabilities, as their mean absolute difference.

    It is the root mean square over the ``DRAWS`` of a precision. ``pixels``: (n, height, width, 3) as the model takes
    them. Raises ModelError if the network cannot be rounded, or gives a number that is not finite.
    """
    if not len(pixels):
        return Rounding(np.empty(0))

    def answer(backend: Backend, given: Pixels) -> Probabilities:
        with np.errstate(invalid="ignore", over="ignore"):
            return classes.of(spec, backend.infer(given), applied)

    def unrounded(other: ModelSpec) -> Backend:
        return open_rounded(other, precision, 0)

    answers: list[Probabilities] = []
    changes: tuple[InputChange, ...] = ()
    for draw in range(1 + DRAWS[precision]):
        with open_rounded(spec, precision, draw) as backend:
            answers.append(answer(backend, pixels))
            if compared is not None and not draw:
                changes = input_changes(spec, backend, unrounded, answer, pixels, compared.reference, compared.others)
    moved = np.array([absolute_difference(answer, answers[0])[1] for answer in answers[1:]])
    found: NDArray[np.float64] = np.sqrt(np.square(moved).mean(axis=0))
    if not np.isfinite(found).all():
        raise ModelError(f"{spec.id}: rounded to {precision}, its network returns values that are not finite")
    return Rounding(found, changes)
