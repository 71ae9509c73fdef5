"""A candidate next to its reference on a few images: both as configured, and the candidate fed otherwise."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from harness.backends.base import Loaded, ModelSpec
from harness.backends.opening import open_backend
from harness.config import Candidate, Config, Preprocess, Reference
from harness.dataset.image_set import ImageSet
from harness.diagnosis.feedings import Feeding, feeding_of
from harness.diagnosis.readings import Read, Rows, best_reading
from harness.diagnosis.subject import CannotFeedError, Subject
from harness.engine.answers import Classes, settled
from harness.engine.identity import PlannedModel, task_for
from harness.errors import DatasetError
from harness.feeding.decode import Decoder
from harness.feeding.outputs import Applied, probabilities
from harness.feeding.pipeline import Prepared
from harness.machine.environment import cores

IMAGES = 64
FEWEST = 1
DEFAULT_LIMIT = 1e-3  # where the configuration has no parity gate


@dataclasses.dataclass(frozen=True)
class Tamper:
    """A fault that is planted between the harness and the candidate's file, where it cannot be in the configuration.

    ``values``: what becomes of the values that enter the file; ``outputs``: of what it gives; ``labels``: of labels.
    """

    values: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None
    outputs: Callable[[Rows], Rows] | None = None
    labels: Callable[[NDArray[np.int32]], NDArray[np.int32]] | None = None


class Bench:
    """The reference and one candidate, on the first sound images.

    Use as a context manager: leaving it frees the models.
    """

    def __init__(
        self,
        config: Config,
        candidate: Candidate,
        planned: dict[str, PlannedModel],
        images: ImageSet,
        *,
        count: int = IMAGES,
        tamper: Tamper | None = None,
        use_cache: bool = True,
    ) -> None:
        self.config, self.candidate, self.reference = config, candidate, config.original
        self._images, self._tamper, self._use_cache = images, tamper or Tamper(), use_cache
        self.planned = planned
        self.spec = dataclasses.replace(planned[candidate.id].spec, cache_dir=None)
        self.reference_spec = planned[self.reference.id].spec
        self.own = feeding_of(self.spec.input, config.preprocess_for(candidate))
        self.wanted = feeding_of(self.reference_spec.input, config.preprocess_for(self.reference))
        self._rows = self._sound_rows(min(count, len(images.manifest)))
        labels = images.manifest.labels[self._rows]
        self.labels = self._tamper.labels(labels) if self._tamper.labels else labels
        parity = config.gates_for(candidate).parity
        self.limit = parity.max_abs_diff if parity else DEFAULT_LIMIT
        self.applied: dict[str, Applied] = {}
        self._pixels: dict[object, Prepared] = {}
        self.loaded: Loaded  # of the candidate, once it ran
        self._stack = ExitStack()
        self._reference_subject: Subject | None = None
        self.dropped = 0  # leading classes of the candidate that are not classes of the reference

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def count(self) -> int:
        """How many images take part."""
        return len(self._rows)

    @property
    def digests(self) -> tuple[bytes, ...]:
        """The sha256 of each image that takes part."""
        return self._digests

    def _sound_rows(self, count: int) -> NDArray[np.int64]:
        """Return the first rows whose images can be read. Raises DatasetError if there is none."""
        preprocess = self.config.preprocess_for(self.reference)
        own = self.config.preprocess_for(self.candidate)
        with Decoder(
            self._images, preprocess, own, self.wanted.preprocess, self.own.preprocess, threads=cores()
        ) as decoder:
            (decoded,) = decoder.shards([(0, range(count))])
        self._decoded = decoded
        rows = np.flatnonzero(decoded.good)
        if len(rows) < FEWEST:
            raise DatasetError(f"{self._images.source}: none of its first {count} images can be read")
        self._digests = tuple(decoded.image_digests[row] for row in rows)
        return rows

    def pixels(self, preprocess: Preprocess) -> Prepared:
        """Return (count, height, width, 3) BGR by a preprocessing; made once.

        Raises DatasetError if an image cannot be prepared so, such as one of a capsule without such pixels.
        """
        key = preprocess.pixels_key
        if key not in self._pixels:
            if key in self._decoded.tensors:
                self._pixels[key] = self._decoded.tensors[key][self._rows]
            else:
                with Decoder(self._images, preprocess, threads=cores()) as decoder:
                    (decoded,) = decoder.shards([(0, self._decoded.rows)])
                if not decoded.good[self._rows].all():
                    reason = next(iter(decoded.bad.values()))
                    raise DatasetError(f"{self._images.source}: {reason}")
                self._pixels[key] = decoded.pixels[self._rows]
        return self._pixels[key]

    def values(self, feeding: Feeding, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Return what enters the model's file for the images (``rows``: only those)."""
        pixels = self.pixels(feeding.preprocess)
        return feeding.values(pixels if rows is None else pixels[rows])

    def run_reference(self, known: dict[tuple[bytes, ...], Rows]) -> None:
        """Run the reference as configured; its answers are kept between runs where the configuration wants that.

        ``known``: its answers by the images' digests, as far as this process has them; they are added there.
        """
        if self._digests in known:
            self._reference_raw = known[self._digests]
            return
        lane = task_for(self.config, self.planned[self.reference.id], use_cache=self._use_cache).lane()
        try:
            pixels = self.pixels(self.config.preprocess_for(self.reference))
            self._reference_raw = known[self._digests] = lane.answer(pixels, self._digests).raw
        finally:
            lane.close()

    def run_candidate(self) -> Rows:
        """Run the candidate as configured; return its outputs. Raises ModelError if it cannot be loaded so."""
        if self._tamper.values or self._tamper.outputs:
            with Subject(self.candidate.backend, self.spec) as subject:
                self.loaded = subject.loaded
                raw = self.answer(subject, self.values(self.own))
        else:
            with open_backend(self.candidate.backend, self.spec) as backend:
                raw = backend.infer(self.pixels(self.config.preprocess_for(self.candidate)))
                self.loaded = backend.loaded
        return raw

    def settle(self, raw: Rows, spec: ModelSpec) -> None:
        """Decide what makes probabilities of both outputs, and over which classes they are compared."""
        first = self.reference_spec
        found = settled([first, spec], {first.id: self._reference_raw, spec.id: raw}, {}, first.id)
        self.applied = found
        self.classes = Classes.common(self.config.dataset.background_class, [first.background, spec.background])
        self.reference_rows = self.classes.of(first, self._reference_raw, found.get(first.id))
        self.reference_probabilities = probabilities(self._reference_raw, found.get(first.id, "none"))

    def answer(self, subject: Subject, values: NDArray[np.float32]) -> Rows:
        """Return what the candidate gives for values, with a planted fault where there is one."""
        raw = subject.answer(self._tamper.values(values) if self._tamper.values else values)
        return self._tamper.outputs(raw) if self._tamper.outputs else raw

    def read(
        self,
        raw: Rows,
        spec: ModelSpec,
        rows: NDArray[np.int64] | None = None,
        limit: float | None = None,
        reference: Rows | None = None,
    ) -> list[Read]:
        """Return what comes out of each way of reading the candidate's outputs, the configured one first.

        ``reference``: probabilities of all images that they are compared with, if not those of the configured
        reference.
        """
        reference = self.reference_rows if reference is None else reference
        reference = reference if rows is None else reference[rows]

        def common(values: Rows) -> Rows:
            return self.classes.of(spec, values[:, self.dropped :], "none")

        return best_reading(
            raw,
            self.applied.get(spec.id, "none"),
            common,
            reference,
            limit=self.limit if limit is None else limit,
            background=self.classes.background,
        )

    def open(self, spec: ModelSpec) -> Subject:
        """Open the candidate for trials; it is freed with the bench."""
        return self._stack.enter_context(Subject(self.candidate.backend, spec))

    def hits(self, rows: Rows) -> NDArray[np.bool_]:
        """Return which images are right by probabilities (n, common classes)."""
        return np.asarray(rows.argmax(axis=1) == self.labels[: len(rows)] - self.classes.offset)

    def reference_if(self, feeding: Feeding, rows: NDArray[np.int64] | None = None) -> Rows:
        """Return the reference's probabilities when it is fed otherwise, of all images (``rows``: only those).

        Raises CannotFeedError.
        """
        if self.reference.recorded is not None:
            raise CannotFeedError(
                f"{self.reference.id}: only its recorded predictions are available, so its input cannot be changed"
            )
        if feeding.preprocess.output_size != self.wanted.preprocess.output_size:
            raise CannotFeedError(f"{self.reference.id}: takes images of another size")
        if self._reference_subject is None:
            self._reference_subject = self._stack.enter_context(Subject(self.reference.backend, self.reference_spec))
        raw = self._reference_subject.answer(self.values(feeding, rows))
        return self.classes.of(self.reference_spec, raw, self.applied.get(self.reference_spec.id))


def key_of(model: Reference | Candidate) -> str:
    """Return the key of a model's settings in the configuration."""
    return "reference" if isinstance(model, Reference) else f"candidates.{model.id}"
