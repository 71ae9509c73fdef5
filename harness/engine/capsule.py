"""Making a capsule: the reference once over some images, with what a board needs to judge candidates on them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness import __version__
from harness.backends.base import Loaded, Probabilities
from harness.backends.registry import backends
from harness.capsule.configuration import travelling
from harness.capsule.contents import KIND, BadRow, Contents, Images, Prepared, ReferenceAnswers
from harness.capsule.opened import Capsule, is_capsule, open_capsule
from harness.capsule.recorded import contract_of
from harness.config import Config, Preprocess, require_files
from harness.config.schema import Certify
from harness.conversion.prepared import prepare_models
from harness.dataset.checksums import verify_checksums
from harness.dataset.image_set import ImageSet, open_image_set
from harness.disk.parts import PartsWriter, writing_parts
from harness.engine.cache import Answers, Entry
from harness.engine.checks import refuse_suspect_labels, too_many_bad_images
from harness.engine.fetched import fetched
from harness.engine.identity import PlannedModel, plan_models, switches, task_for
from harness.engine.progress import Progress
from harness.engine.shard import Models, error_of, evaluate_shard
from harness.engine.task import ModelTask, ShardTask, Work, ordered
from harness.errors import ConfigError, DatasetError
from harness.feeding.decode import Decoded, Decoder
from harness.feeding.pipeline import libraries
from harness.judging.certifying import limited
from harness.machine.environment import cores, describe
from harness.metrics.planning import images_to_certify
from harness.record.shard_table import ShardTable

DISCORDANT_PERCENT = 0.0  # of images whose Top-1 correctness flips: none of a faithful candidate at f32
_USUAL_IMAGES = 64


@dataclass(frozen=True)
class Making:
    """What the command line adds to a configuration.

    ``images``: how many; ``certify_pp``: as many as proving a Top-1 drop within so many pp takes, drawn at random;
    ``discordant_percent``: for that, the share of images that flip, in percent; ``encoded``: the encoded images travel
    instead of their pixels.
    """

    images: int | None = None
    certify_pp: float | None = None
    discordant_percent: float = DISCORDANT_PERCENT
    encoded: bool = False
    use_cache: bool = True
    quiet: bool = False


def make_capsule(config: Config, file: Path, making: Making | None = None) -> Capsule:
    """Evaluate the reference on some images and write a capsule; return it as it was read back.

    The candidates need not be there. Raises HarnessError as a validation does, and leaves no file then.
    """
    making = making or Making()
    certify = limited(config.certify, making.certify_pp)
    if certify is not None and config.reference is None:
        raise ConfigError(
            f"{config.where('reference')}: is null, but certifying a drop needs a reference; set `reference`"
        )
    if is_capsule(config.dataset.path):
        raise ConfigError(f"{config.dataset.path}: is already a capsule; set dataset.path to the image set")
    config = config.model_copy(update={"certify": certify})
    require_files(config, candidates=False)
    if config.checksums:
        verify_checksums(config.checksums)
    config = fetched(config)
    listed = open_image_set(config.dataset)
    images = ordered(listed, certify, _count(config, certify, making, listed))
    if not len(images.manifest):
        raise DatasetError(
            f"{config.dataset.path}: has no image, so the capsule would be empty; set "
            "dataset.path to an image set with images"
        )
    alone = config.model_copy(update={"candidates": ()})
    prepared = prepare_models(alone, images=listed, quiet=making.quiet)
    planned = plan_models(alone, prepared, use_cache=making.use_cache)
    tasks = tuple(task_for(alone, item, use_cache=making.use_cache) for item in planned)
    with writing_parts(file, KIND) as writer:
        _Made(config, making, certify, images, planned, tasks).write(writer)
    return open_capsule(file)


def _count(config: Config, certify: Certify | None, making: Making, listed: ImageSet) -> int:
    """Return how many images travel."""
    if making.images is not None:
        return making.images
    if certify is None:
        parity = [config.gates_for(candidate).parity for candidate in config.candidates]
        return max([_USUAL_IMAGES, *(gate.images for gate in parity if gate)])
    half = making.discordant_percent / 200
    population = config.dataset.images or listed.listed
    needed = images_to_certify(
        certify.top1_max_drop_pp, certify.confidence, population, broken=half, fixed=half, runs=41
    )
    return needed.nine_of_ten


@dataclass
class _Made:
    """A capsule while it is made; ``rows`` and what follows grow shard by shard."""

    config: Config
    making: Making
    certify: Certify | None
    images: ImageSet
    planned: list[PlannedModel]
    tasks: tuple[ModelTask, ...]
    digests: list[bytes] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    bad: dict[int, str] = field(default_factory=dict)
    answers: list[NDArray[np.float32]] = field(default_factory=list)

    def write(self, writer: PartsWriter) -> None:
        """Run the reference over the images and write every part."""
        work = Work(self.config.dataset, self.certify, None, self.images.manifest.fingerprint(), self.tasks)
        limit = self.config.dataset.bad_images.tolerated(len(self.images.manifest))
        with ExitStack() as stack:
            models = stack.enter_context(Models(self.images, [task.lane() for task in self.tasks]))
            keeping = [_Keeping(lane.cache) for lane in models.lanes]
            for lane, kept in zip(models.lanes, keeping, strict=True):
                lane.cache = kept
            progress = stack.enter_context(Progress(len(self.images.manifest), quiet=self.making.quiet))
            for index, decoded in enumerate(self._decoded()):
                self.bad |= decoded.bad
                if len(self.bad) > limit:
                    continue  # the others are scanned, so that all bad images are named
                if keeping:
                    progress.add(self._answer(ShardTask(index, decoded.rows, work), models, decoded, keeping[0]))
                self._write_images(writer, index, decoded)
            if len(self.bad) > limit:
                raise too_many_bad_images(self.config, self.images.manifest, self.bad, len(self.images.manifest))
            reference = None
            if keeping:
                lane, planned = models.lanes[0], self.planned[0]
                reference = ReferenceAnswers(
                    sha256=planned.sha256,
                    bytes=planned.bytes,
                    outputs=planned.spec.outputs,
                    contract=contract_of(self.config),
                    loaded=lane.loaded.to_json(),
                    applied=lane.applied or "none",
                )
        self._write_rest(writer, reference)

    def _decoded(self) -> Iterator[Decoded]:
        with Decoder(self.images, *self._preprocesses(), threads=cores(), ahead=1) as decoder:
            yield from decoder.shards(list(enumerate(self.images.manifest.shards())))

    def _preprocesses(self) -> list[Preprocess]:
        found = [self.config.preprocess_for(model) for model in self.config.models]
        return list({preprocess.pixels_key: preprocess for preprocess in found}.values())

    def _answer(self, task: ShardTask, models: Models, decoded: Decoded, kept: _Keeping) -> ShardTable:
        table = evaluate_shard(task, models, decoded)
        for failure in table.failures.values():
            raise error_of(failure)
        refuse_suspect_labels(self.config, self.images.manifest, self.images.source, table)
        rows = np.zeros((len(decoded.rows), self.planned[0].spec.outputs), np.float32)
        rows[decoded.good] = kept.taken
        self.answers.append(rows)
        return table

    def _write_images(self, writer: PartsWriter, index: int, decoded: Decoded) -> None:
        self.digests += [digest or bytes(32) for digest in decoded.image_digests]
        if not self.making.encoded:
            for place, preprocess in enumerate(self._preprocesses()):
                writer.add_array(f"pixels/{place}/{index}", decoded.pixels_of(preprocess))
            return
        encoded = [self._encoded(row, digest) for row, digest in zip(decoded.rows, decoded.image_digests, strict=True)]
        self.sizes += map(len, encoded)
        writer.add_bytes(f"encoded/{index}", b"".join(encoded))

    def _encoded(self, row: int, digest: bytes) -> bytes:
        if not digest:
            return b""
        data = self.images.read(row)
        if hashlib.sha256(data).digest() != digest:
            raise DatasetError(
                f"{self.images.manifest.image_ids[row]}: was changed while it was read; make the capsule again"
            )
        return data

    def _write_rest(self, writer: PartsWriter, reference: ReferenceAnswers | None) -> None:
        manifest, dataset = self.images.manifest, self.config.dataset
        writer.add_json("image_ids", list(manifest.image_ids))
        writer.add_array("labels", (manifest.labels - int(dataset.background_class)).astype(np.int32))
        writer.add_array("digests", np.frombuffer(b"".join(self.digests), np.uint8).reshape(-1, 32))
        if self.making.encoded:
            writer.add_array("sizes", np.array(self.sizes, np.int64))
        if reference is not None:
            writer.add_array("answers", np.concatenate(self.answers))
        writer.add_json("capsule", self._contents(reference).model_dump(mode="json"))

    def _contents(self, reference: ReferenceAnswers | None) -> Contents:
        folder = self.config.source_file.parent if self.config.source_file else Path.cwd()
        names = list(dict.fromkeys(name for facts in backends().values() for name in facts.distributions))
        return Contents(
            harness_version=__version__,
            made_utc=datetime.now(UTC).isoformat(timespec="seconds"),
            config=travelling(self.config),
            environment=describe(folder, names, switches()),
            images=Images(
                count=len(self.images.manifest),
                listed=self.images.listed,
                form=self.images.form,
                name=self.config.dataset.path.name,
                label_source=Path(self.images.source).name,
                seed=self.certify.seed if self.certify else None,
                fingerprint=self.images.manifest.fingerprint(),
                bad=tuple(BadRow(row=row, reason=reason) for row, reason in sorted(self.bad.items())),
            ),
            encoded=self.making.encoded,
            prepared=()
            if self.making.encoded
            else tuple(Prepared(preprocess=item, libraries=libraries(item)) for item in self._preprocesses()),
            reference=reference,
        )


class _Keeping:
    """Answers through another store, or through none; ``taken``: those of the last shard, as the model gave them."""

    def __init__(self, inner: Answers | None) -> None:
        self._inner = inner
        self._found: Entry | None = None
        self.taken: Probabilities = np.empty((0, 0), np.float32)

    def has_any(self) -> bool:
        """Return whether the model need not be loaded before the first image."""
        return self._inner is not None and self._inner.has_any()

    def get(self, image_digests: tuple[bytes, ...], outputs: int) -> Entry | None:
        """Return what the other store has."""
        self._found = self._inner.get(image_digests, outputs) if self._inner else None
        if self._found is not None:
            self.taken = self._found.probabilities
        return self._found

    def put(self, image_digests: tuple[bytes, ...], probabilities: Probabilities, loaded: Loaded) -> None:
        """Take what the model gave, and hand it on."""
        if self._found is None:
            self.taken = probabilities
        else:  # the model computed what was not known
            self.taken = self._found.probabilities.copy()
            self.taken[~self._found.known] = probabilities
        if self._inner is not None:
            self._inner.put(image_digests, probabilities, loaded)
