"""One shard through every model: a pure step from a task and loaded models to a shard table."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from harness import errors
from harness.config import Dataset, Preprocess
from harness.dataset.image_set import ImageSet
from harness.dataset.manifest import Manifest
from harness.engine.answers import Classes, settled, with_applied
from harness.engine.lane import Answer, Lane, NonFiniteError
from harness.engine.task import ShardTask, Work
from harness.errors import AbsentDeviceError, DeviceError, HarnessError, ModelError
from harness.feeding.decode import Decoded, Decoder
from harness.feeding.pixel_store import PixelStore
from harness.metrics.outcome import Outcome, with_bad_rows
from harness.record.shard_table import Failure, ShardTable


@dataclass
class Models:
    """The opened image set and the models of a run in one process, the reference first, if there is one.

    ``in_turns``: one model infers at a time, with all cores; otherwise all at the same time. ``pixels``: where decoded
    shards are kept for other runs. ``abandoned``: the results of the current shards are no longer needed. Use as a
    context manager: leaving it frees the models.
    """

    images: ImageSet
    lanes: Sequence[Lane]
    in_turns: bool = True
    pixels: PixelStore | None = None
    abandoned: bool = False
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for lane in self.lanes:
            lane.close()
        if self.pixels is not None:
            self.pixels.close()

    def is_settled(self, without: Collection[str]) -> bool:
        """Whether it is decided for every model that takes part what makes probabilities of its answers."""
        return all(lane.applied for lane in self.lanes if lane.spec.id not in without)

    def abandon(self) -> None:
        """End the evaluation of the current shards early, regardless of their results; no model is killed for it."""
        self.abandoned = True
        for lane in self.lanes:
            lane.abandon()

    def resume(self) -> None:
        """Evaluate again, once the shards that were abandoned have ended."""
        self.abandoned = False
        for lane in self.lanes:
            lane.resume()

    def answers(self, lanes: Sequence[Lane], ask: Callable[[Lane], Answer | Failure]) -> dict[str, Answer | Failure]:
        """Run the given models, in this order."""
        if self.in_turns:
            with self._turn:
                return {lane.spec.id: ask(lane) for lane in lanes}
        with ThreadPoolExecutor(max(1, len(lanes)), thread_name_prefix="model") as pool:
            return dict(zip((lane.spec.id for lane in lanes), pool.map(ask, lanes), strict=True))


def open_models(work: Work) -> Models:
    """Open the image set and the models of a run, none of them loaded. Raises DatasetError for another image set."""
    return Models(work.open_images(), [model.lane() for model in work.models])


def evaluate_shard(
    task: ShardTask, models: Models, decoded: Decoded | None = None, without: Collection[str] = ()
) -> ShardTable:
    """Evaluate one shard: everything that comes out of it is in the table, failures of models included.

    ``decoded``: the shard's pixels, where they were decoded ahead; ``without``: models that no longer take part. A
    model that was calibrated on an image of the shard fails. What a failed reference makes worthless is for the caller
    to say: its failure is in the table like any other.
    """
    if decoded is None:
        with Decoder(models.images, *preprocesses(models.lanes, task.work.dataset), threads=1, ahead=1) as decoder:
            (decoded,) = decoder.shards([(task.index, task.rows)])
    good = decoded.good
    default = task.work.dataset.preprocess
    digests = tuple(digest for digest, kept in zip(decoded.image_digests, good, strict=True) if kept)
    manifest = models.images.manifest

    def ask(lane: Lane) -> Answer | Failure:
        if models.abandoned:
            return failure_of(ModelError(f"{lane.spec.id}: its result is no longer needed"))
        overlap = calibration_overlap(lane, manifest, decoded.rows, decoded.image_digests)
        if overlap:
            return failure_of(overlap)
        try:
            pixels = decoded.pixels_of(lane.preprocess or default)
            return lane.answer(pixels if good.all() else pixels[good], digests, known.get(lane.spec.id))
        except NonFiniteError as error:
            row = decoded.rows.start + int(np.flatnonzero(good)[error.position])
            return failure_of(error.naming(manifest.image_ids[row]))
        except (ModelError, DeviceError) as error:
            return failure_of(error, optional=lane.optional)

    asked = [lane for lane in _in_turn(models.lanes, task.index) if lane.spec.id not in without]
    if task.index == 0:  # a model that is still loading, or reading the cache, delays no other
        asked.sort(key=lambda lane: not lane.is_loaded)
    # Read while the models still have their turn on the shard before; of the first one, a part may be answered already.
    known = {lane.spec.id: lane.look_up(digests) for lane in asked if task.index}
    found = models.answers(asked, ask)
    answers = {lane.spec.id: found[lane.spec.id] for lane in models.lanes if lane.spec.id in found}
    given = {model: answer for model, answer in answers.items() if isinstance(answer, Answer)}
    _settle(models.lanes, given)
    labels = manifest.labels[task.rows.start : task.rows.stop]
    return ShardTable(
        index=decoded.index,
        rows=decoded.rows,
        image_digests=decoded.image_digests,
        signatures=decoded.signatures,
        bad=decoded.bad,
        outcomes=_outcomes(models.lanes, given, labels, good, task.work.dataset),
        seconds={model: answer.seconds for model, answer in given.items() if not answer.cached},
        inferred={model: answer.inferred for model, answer in given.items() if not answer.cached},
        cached=frozenset(model for model, answer in given.items() if answer.cached),
        latencies={model: list(answer.latencies) for model, answer in given.items() if answer.latencies},
        failures={model: answer for model, answer in answers.items() if isinstance(answer, Failure)},
        reported={
            lane.spec.id: with_applied(given[lane.spec.id].reported, lane.applied).to_json()
            for lane in models.lanes
            if lane.spec.id in given
        },
        not_decoded=decoded.not_decoded,
    )


def preprocesses(lanes: Sequence[Lane], dataset: Dataset) -> list[Preprocess]:
    """Return the preprocessing of each model, in their order."""
    return [lane.preprocess or dataset.preprocess for lane in lanes]


def scanned(decoded: Decoded) -> ShardTable:
    """Return a table that says only which images of a shard are bad."""
    table = ShardTable(decoded.index, decoded.rows, decoded.image_digests, decoded.signatures, decoded.bad, {})
    return replace(table, not_decoded=decoded.not_decoded)


def reference_of(lanes: Sequence[Lane]) -> str | None:
    """Return the id of the reference; None if a run has none."""
    return next((lane.spec.id for lane in lanes if lane.role == "reference"), None)


def _settle(lanes: Sequence[Lane], given: Mapping[str, Answer]) -> None:
    """Decide, once per model, what turns its output into probabilities."""
    if all(lane.applied for lane in lanes):
        return
    known = {lane.spec.id: lane.applied for lane in lanes if lane.applied}
    raw = {model: answer.raw for model, answer in given.items()}
    found = settled([lane.spec for lane in lanes], raw, known, reference_of(lanes))
    for lane in lanes:
        lane.applied = found.get(lane.spec.id)


def _outcomes(
    lanes: Sequence[Lane],
    answers: Mapping[str, Answer],
    labels: NDArray[np.int32],
    good: NDArray[np.bool_],
    dataset: Dataset,
) -> dict[str, Outcome]:
    """Return every model's rows; probabilities are compared with those of the first model, the reference if any."""
    classes = Classes.common(dataset.background_class, [lane.spec.background for lane in lanes])
    values = {
        lane.spec.id: classes.of(lane.spec, answers[lane.spec.id].raw, lane.applied)
        for lane in lanes
        if lane.spec.id in answers
    }
    first = lanes[0].spec.id
    return {
        model: with_bad_rows(classes.scored(found, labels[good], values.get(first) if model != first else None), good)
        for model, found in values.items()
    }


def _in_turn(lanes: Sequence[Lane], shard: int) -> list[Lane]:
    """Return the models in the order of their turns: the reference, then another candidate first each time.

    The first turn runs while the next shard is decoded, so that a fixed order would make one candidate look slow.
    """
    first = [lane for lane in lanes if lane.role == "reference"]
    candidates = [lane for lane in lanes if lane.role != "reference"]
    start = shard % len(candidates) if candidates else 0
    return [*first, *candidates[start:], *candidates[:start]]


def calibration_overlap(
    lane: Lane, manifest: Manifest, rows: Sequence[int], image_digests: Sequence[bytes]
) -> ModelError | None:
    """Return why a candidate must not go on; None if it was calibrated on none of these images.

    ``rows``: those of the manifest that were read; ``image_digests``: sha256 of each one's bytes, so that a renamed
    copy is noticed, too.
    """
    if not lane.calibrated_on:
        return None
    found = [row for row, digest in zip(rows, image_digests, strict=True) if digest in lane.calibrated_on]
    if not found:
        return None
    return ModelError(
        f"{lane.spec.id}: {len(found)} of the evaluated images, as far as they were read, are among the "
        f"{len(lane.calibrated_on)} that its INT8 was calibrated on, such as {manifest.image_ids[found[0]]} (compared "
        "by content); its accuracy on them proves nothing. Calibrate on other images: set "
        "`conversion.calibration.path` and run `harness convert`"
    )


def failure_of(error: HarnessError, *, optional: bool = False) -> Failure:
    """Return an error of a model as plain data. ``optional``: its device may be absent."""
    kind, unavailable = type(error).__name__, optional and isinstance(error, AbsentDeviceError)
    return Failure(str(error), unavailable, kind if hasattr(errors, kind) else "ModelError")


def error_of(failure: Failure) -> HarnessError:
    """Return the error that a failure was made of."""
    kind = getattr(errors, failure.kind, None)
    known = isinstance(kind, type) and issubclass(kind, (ModelError, DeviceError))
    return (kind if known else ModelError)(failure.message)  # type: ignore[misc]
