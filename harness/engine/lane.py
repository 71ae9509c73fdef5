"""A lane: one model with its cache, loaded when it is first needed."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.backends.base import Backend, Loaded, ModelSpec, Pixels, Probabilities
from harness.backends.opening import open_backend
from harness.backends.registry import facts_of, load_target
from harness.config import Preprocess
from harness.engine.answers import with_applied
from harness.engine.cache import Answers, Entry
from harness.errors import HarnessError, ModelError
from harness.feeding.outputs import Applied
from harness.machine.digests import Digested
from harness.record.schema import Role


@dataclass(frozen=True)
class Answer:
    """What a model gave for a shard's good images, (n, classes), and the seconds that took.

    ``reported``: what the model states about itself now; ``inferred``: how many images it inferred, the others being
    cached; ``latencies``: of each request, in milliseconds, where the backend measures them.
    """

    raw: Probabilities
    reported: Loaded
    seconds: float
    inferred: int
    cached: bool
    latencies: tuple[float, ...] = ()

    def and_then(self, later: Answer) -> Answer:
        """Return the later answer, which has the rows of both, with what both took."""
        return dataclasses.replace(
            later,
            seconds=self.seconds + later.seconds,
            inferred=self.inferred + later.inferred,
            latencies=(*self.latencies, *later.latencies),
        )


@dataclass(frozen=True)
class _Head:
    """The answer to the first images of a shard."""

    digests: tuple[bytes, ...]
    answer: Answer


def _in_whole_batches(images: int, loaded: Loaded) -> bool:
    batch = loaded.details.get("batch")
    return isinstance(batch, int) and batch > 0 and images % batch == 0


@dataclass
class Lane:
    """Runs one model for the engine. Not loaded before ``load`` or the first ``answer`` that no cache has.

    ``calibrated_on``: sha256 digests of the images that an INT8 model says it was calibrated on. ``optional``: its
    device may be absent. ``files``: its files as they were digested; where they are other ones once the model is loaded
    or has answered, the model fails, because it is unknown which of them was used. ``preprocess``: its own, None: the
    data set's. ``applied``: what makes probabilities of its answers, None until the first shard decides.
    """

    spec: ModelSpec
    backend: str
    role: Role
    cache: Answers | None = None
    calibrated_on: frozenset[bytes] = frozenset()
    optional: bool = False
    files: Digested | None = None
    load_seconds: float = 0.0
    preprocess: Preprocess | None = None
    applied: Applied | None = None
    _stack: ExitStack = field(default_factory=ExitStack)
    _backend: Backend | None = None
    _opening: Backend | None = None
    _stopped: bool = False
    _loaded: Loaded | None = None
    _replaced: bool = False
    _begins: bool = False
    _head: _Head | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self) -> Backend:
        """Load and compile the model, once, and return it. Raises ModelError or DeviceError."""
        with self._lock:
            if self._backend is None:
                self.import_framework()
                start = time.perf_counter()
                before = self.files.now() if self.files else ()
                self._refuse_stopped()
                self._opening = open_backend(self.backend, self.spec)
                self._refuse_stopped()  # again: `stop` may have come just before there was what it could stop
                backend = self._stack.enter_context(self._opening)
                # The same bytes are no proof here: others may have been put there for the moment of loading.
                self._refuse(self.files.touched_since(before) if self.files else None)
                self.refuse_replaced_files()
                self._refuse(self._other_file())
                self._backend = backend
                self.load_seconds = time.perf_counter() - start
                if self._loaded is None:
                    self._loaded = backend.loaded
            return self._backend

    def _refuse_stopped(self) -> None:
        if self._stopped:
            raise ModelError(f"{self.spec.id}: was unloaded, because the run was stopped")

    def import_framework(self) -> None:
        """Import what the model needs; if that fails, opening the backend says why."""
        importer = facts_of(self.backend).importer
        if importer and not self.spec.isolate:
            with contextlib.suppress(HarnessError):
                load_target(importer)()

    @property
    def loaded(self) -> Loaded:
        """What the model reports about itself; from the cache where it was never loaded."""
        if self._loaded is None:
            raise ModelError(f"{self.spec.id}: was not loaded")
        return with_applied(self._loaded, self.applied)

    @property
    def known(self) -> bool:
        """Whether it is known what the model reports about itself."""
        return self._loaded is not None

    @property
    def is_loaded(self) -> bool:
        """Whether the model itself was loaded in this process."""
        return self._backend is not None

    def look_up(self, image_digests: tuple[bytes, ...]) -> Entry | None:
        """Return what the cache has of these images, where it has all of them; may be called next to an ``answer``."""
        entry = self.cache.get(image_digests, self.spec.outputs) if self.cache else None
        return entry if entry is not None and entry.known.all() else None

    def answer(self, pixels: Pixels, image_digests: tuple[bytes, ...], known: Entry | None = None) -> Answer:
        """Return what the model gives for decoded images, (n, height, width, 3) BGR, perhaps logits.

        ``known``: what ``look_up`` found before; the cache is asked again where that is None.

        Raises ModelError if the model fails or gives a number that is not finite.
        """
        begins, self._begins = self._begins, False
        head, self._head = self._head, None
        if head is not None and image_digests[: len(head.digests)] != head.digests:
            head = None
        entry = known if known is not None and head is None else self._known(image_digests, head)
        if entry is not None and entry.known.all():
            self._loaded = self._loaded or entry.loaded
            answer = head.answer if head else Answer(entry.probabilities, self._loaded, 0.0, 0, cached=True)
            return dataclasses.replace(answer, raw=entry.probabilities)
        backend = self.load()
        asked = np.arange(len(pixels)) if entry is None else np.flatnonzero(~entry.known)
        found = backend.infer(pixels if entry is None else pixels[asked])
        self._loaded = backend.loaded  # the device may have changed
        finite = np.isfinite(found).all(axis=1)
        if not finite.all():
            raise NonFiniteError(self.spec.id, int((~finite).sum()), int(asked[np.argmin(finite)]))
        self.refuse_replaced_files()
        raw = found
        if entry is not None:
            raw = entry.probabilities
            raw[asked] = found
        seconds, latencies = backend.infer_seconds, tuple(backend.take_latencies())
        answer = Answer(raw, self._loaded, seconds, len(asked), cached=False, latencies=latencies)
        if begins and not _in_whole_batches(len(asked), self._loaded):
            return answer  # and the shard is inferred as a whole
        if self.cache:
            self.cache.put(tuple(image_digests[row] for row in asked), found, self._loaded)
        if begins:
            self._head = _Head(image_digests, answer)
        return answer if head is None else head.answer.and_then(answer)

    def begin_shard(self) -> None:
        """Announce that the images of the next ``answer`` are the first of a shard, which is inferred after them.

        They are not inferred again then, and its answer is that of the whole shard, to the last bit: where these images
        do not fill whole batches, they are inferred twice.
        """
        self._begins = True

    def _known(self, image_digests: tuple[bytes, ...], head: _Head | None) -> Entry | None:
        """Return what the cache has, and the predictions for the first images of the shard."""
        entry = self.cache.get(image_digests, self.spec.outputs) if self.cache else None
        if head is None:
            return entry
        if entry is None:
            nothing = np.zeros((len(image_digests), self.spec.outputs), np.float32)
            entry = Entry(nothing, np.zeros(len(image_digests), np.bool_), head.answer.reported)
        entry.probabilities[: len(head.digests)] = head.answer.raw
        entry.known[: len(head.digests)] = True
        return entry

    def refuse_replaced_files(self) -> None:
        """Raise ModelError if a file of the model was replaced or changed since it was digested."""
        self._refuse(self.files.replaced() if self.files else None)

    def _other_file(self) -> Path | None:
        """Return a file that came to the model, or went, since its files were listed and digested."""
        if self.files is None:
            return None
        listed = facts_of(self.backend).files_of(Path(self.spec.model))
        return min(set(listed) ^ set(self.files.paths), default=None)

    def _refuse(self, path: Path | None) -> None:
        if path is None:
            return
        self._replaced = True
        raise ModelError(
            f"{self.spec.id}: {path} was replaced or changed while the run used it, so it is unknown which file "
            "its predictions belong to; run again while nothing writes to it"
        )

    def infer_alone(self, pixels: Pixels) -> Probabilities:
        """Return what the model gives, without any cache, for measuring the model by itself."""
        return self.load().infer(pixels)

    def stop(self) -> None:
        """Abandon the model's computation, if possible; a model that is being loaded is not loaded again."""
        self._stopped = self._backend is None
        if self._opening is not None:
            self._opening.stop()

    def abandon(self) -> None:
        """End the model's current computation early. The model stays loaded."""
        if self._backend is not None:
            self._backend.abandon()

    def resume(self) -> None:
        """Answer again after ``abandon``."""
        if self._backend is not None:
            self._backend.resume()

    def close(self) -> None:
        """Free the model, and forget what was compiled where that may be of a file that was replaced."""
        self._stack.close()
        if self._replaced and self.spec.cache_dir:  # not before: another candidate may be compiling there
            shutil.rmtree(self.spec.cache_dir, ignore_errors=True)


class NonFiniteError(ModelError):
    """A model gave NaN or infinity; ``position`` is the first such row among the images given."""

    def __init__(self, model: str, images: int, position: int) -> None:
        self.model, self.images, self.position = model, images, position
        super().__init__(f"{model}: gave NaN or infinity for {images} images")

    def naming(self, image_id: str) -> ModelError:
        """Return the same error with the first image's id."""
        return ModelError(
            f"{self.model}: returned NaN or infinity, first for the image {image_id} "
            f"({self.images} image{'s' if self.images > 1 else ''} of that shard), so no accuracy can be "
            "computed; check the conversion and the precision"
        )
