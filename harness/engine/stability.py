"""The same images again, otherwise: whether a candidate's predictions depend on what else it is doing, or has done."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.backends.base import Backend, Loaded, Pixels, Probabilities
from harness.backends.opening import open_backend
from harness.engine.first_images import FirstImages
from harness.engine.lane import Lane
from harness.engine.run import Run
from harness.errors import AbsentDeviceError, DeviceError, ModelError
from harness.feeding.outputs import probabilities
from harness.record.schema import Moved, StabilityPart, StabilityPass
from harness.text import first_line

_SEED = 7  # of the other order
_NAMED = 3  # images that are named for each change
_OTHER_BATCH = 4


def measure_stability(run: Run, first: FirstImages) -> tuple[StabilityPart, ...]:
    """Ask each candidate whose gate `stability` is on for its first images several times; return what changed.

    Each is loaded again, alone, so that its first predictions are really its first. A candidate that took no part in
    the run has none here either.
    """
    found = []
    for candidate in run.config.candidates:
        gate = run.config.gates_for(candidate).stability
        lane = next(lane for lane in run.models.lanes if lane.spec.id == candidate.id)
        if gate is not None and candidate.id not in run.failures and run.tables:
            found.append(_measured(run, lane, first, gate.images))
    return tuple(found)


def _measured(run: Run, lane: Lane, first: FirstImages, count: int) -> StabilityPart:
    evaluated = sum(len(table.rows) for table in run.tables)
    decoded = first.of(lane, min(count, evaluated))
    kept = decoded.good
    names = [run.images.manifest.image_ids[row] for row in np.flatnonzero(kept)]
    try:
        passes = tuple(_passes(lane, decoded.pixels[kept], names)) if names else ()
        return StabilityPart(model=lane.spec.id, images=len(names), passes=passes)
    except AbsentDeviceError as error:
        if run.config.engine.kind == "local":
            return StabilityPart(model=lane.spec.id, images=len(names), error=str(error))
        return StabilityPart(model=lane.spec.id, images=len(names), absent=first_line(str(error)))
    except (ModelError, DeviceError) as error:
        return StabilityPart(model=lane.spec.id, images=len(names), error=str(error))


def _passes(lane: Lane, pixels: Pixels, names: Sequence[str]) -> Iterator[StabilityPass]:
    """Yield one pass a change; each asks as the first one did but for the one change that it is named after."""
    count = len(pixels)
    order = np.random.default_rng(_SEED).permutation(count)
    with open_backend(lane.backend, lane.spec) as backend:
        at_once = backend.loaded.count("batch")
        before = backend.loaded
        first = _answers(lane, backend, pixels, at_once)

        def compared(change: str, answers: Probabilities, now: Loaded) -> StabilityPass:
            return _compared(change, first, answers, names, _became(before, now))

        yield compared("again", _answers(lane, backend, pixels, at_once), backend.loaded)
        shuffled = np.empty_like(first)
        shuffled[order] = _answers(lane, backend, pixels[order], at_once)
        yield compared("order", shuffled, backend.loaded)
        other = _in_another_batch(lane, at_once, first, pixels, names)
        if at_once > 1:  # batches that are not full, on the model itself
            partial = _compared("batch", first, _answers(lane, backend, pixels, at_once - 1), names, ())
            other = max(other, partial, key=lambda each: (each.max_abs_diff is None, each.max_abs_diff or 0))
        yield other
        yield compared("in_flight", _answers(lane, backend, pixels, count), backend.loaded)
        yield compared("later", _answers(lane, backend, pixels, at_once), backend.loaded)


def _in_another_batch(
    lane: Lane, at_once: int, first: Probabilities, pixels: Pixels, names: Sequence[str]
) -> StabilityPass:
    """Run the model with another batch size, even if its file fixes one, if its backend can change that.

    Of a larger batch that cannot be changed, each image is inferred alone: its neighbours are copies of it then.
    """
    other = 1 if at_once > 1 else _OTHER_BATCH
    spec = dataclasses.replace(lane.spec, batch=other, rebatch=True)
    with contextlib.ExitStack() as stack:
        try:
            backend = stack.enter_context(open_backend(lane.backend, spec))
            changed = backend.loaded.count("batch") == other
        except ModelError:
            changed = False
        except DeviceError as error:
            if at_once == 1:
                return StabilityPass(change="batch", note=f"not tried: {first_line(str(error))}")
            changed = False
        if not changed and at_once == 1:
            return StabilityPass(change="batch", note="not tried: the batch is fixed to 1")
        if not changed:
            backend = stack.enter_context(open_backend(lane.backend, lane.spec))
        return _compared("batch", first, _answers(lane, backend, pixels, other), names, ())


def _answers(lane: Lane, backend: Backend, pixels: Pixels, at_once: int) -> Probabilities:
    """Return probabilities (n, outputs), inferred with ``at_once`` images per call."""
    parts = [backend.infer(pixels[start : start + at_once]) for start in range(0, len(pixels), at_once)]
    with np.errstate(invalid="ignore", over="ignore"):
        return probabilities(np.concatenate(parts), lane.applied or "none")


def _compared(
    change: str, first: Probabilities, answers: Probabilities, names: Sequence[str], became: tuple[str, ...]
) -> StabilityPass:
    moved = _moved(first, answers)
    worst = np.argsort(-np.where(np.isfinite(moved), moved, np.inf), kind="stable")[:_NAMED]
    return StabilityPass(
        change=change,
        max_abs_diff=float(moved.max()) if np.isfinite(moved).all() else None,
        differing=int((~(moved == 0)).sum()),
        worst=tuple(
            Moved(image=names[row], max_abs_diff=float(moved[row]) if np.isfinite(moved[row]) else None)
            for row in worst.tolist()
            if moved[row] != 0  # NaN is not a zero
        ),
        became=became,
    )


def _moved(first: Probabilities, answers: Probabilities) -> NDArray[np.float64]:
    """Return float64 (n,): the largest difference of each image; NaN if a prediction is NaN."""
    difference: NDArray[np.float64] = np.abs(answers.astype(np.float64) - first.astype(np.float64)).max(axis=1)
    return difference


def _became(before: Loaded, now: Loaded) -> tuple[str, ...]:
    """Return what the model states about itself otherwise than at first."""
    pairs = (
        ("precision", before.effective_precision, now.effective_precision),
        ("device", before.device_name, now.device_name),
    )
    return tuple(f"{name} {old} became {new}" for name, old, new in pairs if old != new)
