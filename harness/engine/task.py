"""What a shard needs to be evaluated anywhere: plain data that can be pickled and sent to a worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.backends.base import ModelSpec
from harness.config import Dataset, Preprocess
from harness.config.schema import Certify
from harness.dataset.image_set import ImageSet, open_image_set
from harness.dataset.remote.local import local_dataset
from harness.dataset.remote.mirror import RemoteCache
from harness.engine.cache import Answers, ProbabilityCache
from harness.engine.lane import Lane
from harness.engine.recorded import RecordedAnswers
from harness.errors import DatasetError
from harness.feeding.outputs import Applied
from harness.judging.certifying import in_random_order
from harness.machine.digests import Digested
from harness.record.schema import Role


@dataclass(frozen=True)
class ModelTask:
    """One model. ``cache_folder``, ``cache_key``: where its probabilities are kept and under what; None: nowhere.

    ``calibrated_on``: sha256 digests of the images that it must not be evaluated on; ``optional``: its device may be
    absent; ``preprocess``: its own, None: the data set's; ``files``: its files as they were digested;
    ``applied``: what makes probabilities of its output, where that is decided already; ``recorded``: the capsule that
    has its answers, so that it is neither loaded nor asked.
    """

    spec: ModelSpec
    backend: str
    role: Role
    cache_folder: Path | None = None
    cache_key: dict[str, Any] | None = None
    calibrated_on: frozenset[bytes] = frozenset()
    optional: bool = False
    preprocess: Preprocess | None = None
    files: Digested | None = None
    applied: Applied | None = None
    recorded: Path | None = None

    def lane(self) -> Lane:
        """Return the model with its cache, not loaded."""
        return Lane(
            self.spec,
            self.backend,
            self.role,
            self._answers(),
            self.calibrated_on,
            self.optional,
            self.files,
            preprocess=self.preprocess,
            applied=self.applied,
        )

    def _answers(self) -> Answers | None:
        if self.recorded is not None:
            return RecordedAnswers(self.recorded)
        if self.cache_folder is None or self.cache_key is None:
            return None
        return ProbabilityCache(self.cache_folder, self.cache_key)


@dataclass(frozen=True)
class Work:
    """What all shards of a run share.

    ``certify``: the images are drawn in its seeded order; ``limit``: only the first ones; ``fingerprint``: sha256 over
    the (image id, label) pairs in that order; ``models``: the reference first; ``given``: the data set as it is
    configured, perhaps by URLs, for a machine that has not fetched it; ``remote``: where it keeps what it fetches.
    """

    dataset: Dataset
    certify: Certify | None
    limit: int | None
    fingerprint: str
    models: tuple[ModelTask, ...]
    given: Dataset | None = None
    remote: RemoteCache | None = None

    def open_images(self) -> ImageSet:
        """Open the image set in the run's order. Raises DatasetError if it is not the run's."""
        dataset = local_dataset(self.given, self.remote) if self.given and self.remote else self.dataset
        images = ordered(open_image_set(dataset), self.certify, self.limit)
        if images.manifest.fingerprint() != self.fingerprint:
            raise DatasetError(
                f"{self.dataset.path}: lists different images or labels here than on the machine that started "
                "the run; give both the same image set"
            )
        return images


@dataclass(frozen=True)
class ShardTask:
    """One shard: rows of the manifest, and what is done with them."""

    index: int
    rows: range
    work: Work


def ordered(images: ImageSet, certify: Certify | None, limit: int | None) -> ImageSet:
    """Return the rows that a run evaluates, in its order. A capsule has the rows of a certification drawn already."""
    drawn = images.carried is not None and certify is not None and images.carried.seed == certify.seed
    return (in_random_order(images, certify) if certify and not drawn else images).first(limit)
