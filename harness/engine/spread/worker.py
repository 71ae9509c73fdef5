"""A worker of the spreading engine: a process that holds models loaded and makes shard tables of jobs.

It knows nothing of how a job reaches it, so that any cluster can run it, and a test without one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness import __version__, errors
from harness.backends.base import Loaded, Probabilities
from harness.backends.registry import BackendFacts, facts_of, load_target, register
from harness.engine.cache import Entry, trim
from harness.engine.identity import code_digest
from harness.engine.lane import Answer, Lane
from harness.engine.shard import Models, evaluate_shard, preprocesses, scanned
from harness.engine.spread.delivery import Delivery, at_hand
from harness.engine.task import ModelTask, ShardTask, Work
from harness.errors import ConfigError, DatasetError, HarnessError
from harness.feeding.decode import Decoder
from harness.feeding.outputs import Applied
from harness.feeding.pipeline import libraries
from harness.feeding.pixel_store import SharedPixels
from harness.machine.claimed_cores import claim_cores
from harness.machine.environment import cpu_name
from harness.machine.family import processor_family
from harness.record.shard_table import Failure, ShardTable


@dataclass(frozen=True)
class Setup:
    """What a worker is started with, as plain data.

    ``models``: ids of those that it asks; ``cores``: how many it has; ``software``: what the driver computes with, to
    be equal here; ``switches``: environment variables that change what frameworks compute; ``cpu``: the driver's
    processor; ``cache_bytes``: how much a node may keep; ``registered``: backends that did not come with the harness;
    ``alone_seconds``: each model runs in a separate process with this time limit per shard, None: here; ``deliveries``:
    model files for nodes that do not see them, by model; ``pixels``: decoded images of other runs.
    """

    work: Work
    models: tuple[str, ...]
    cores: int
    software: Mapping[str, str]
    switches: Mapping[str, str | None]
    cpu: str
    cache_bytes: int = 5_000_000_000
    registered: tuple[BackendFacts, ...] = ()
    alone_seconds: float | None = None
    deliveries: Mapping[str, Delivery] = field(default_factory=dict)
    pixels: SharedPixels | None = None


@dataclass(frozen=True)
class Ready:
    """A worker that can take jobs, where it is, and on what processor."""

    node: str
    pid: int
    cpu: str


@dataclass(frozen=True)
class Problem:
    """A HarnessError as plain data. ``kind``: its class in harness.errors."""

    message: str
    kind: str

    @classmethod
    def of(cls, error: HarnessError) -> Problem:
        """Return an error as plain data."""
        kind = next(name for name in (item.__name__ for item in type(error).__mro__) if hasattr(errors, name))
        return cls(str(error), kind)

    def error(self, node: str | None = None) -> HarnessError:
        """Return the error again. ``node``: where it was."""
        kind = getattr(errors, self.kind, HarnessError)
        known = kind if isinstance(kind, type) and issubclass(kind, HarnessError) else HarnessError
        return known(f"on the node {node}: {self.message}" if node else self.message)


@dataclass(frozen=True)
class Job:
    """One shard for one group of models.

    ``applied``: what makes probabilities of outputs, as far as it is decided; ``without``: models that take no part any
    more; ``hands_on``: whether the first model's predictions are wanted by workers of other groups; ``scan``: no model
    is asked, only bad images are looked for.
    """

    index: int
    rows: range
    applied: Mapping[str, Applied] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    hands_on: bool = False
    scan: bool = False


@dataclass(frozen=True)
class Handed:
    """The first model's predictions for a shard, for comparison by the workers of other groups."""

    image_digests: tuple[bytes, ...]
    raw: Probabilities
    loaded: dict[str, Any]


def software_of(work: Work) -> dict[str, str]:
    """Return everything that has to be equal on all nodes for their tables to belong together."""
    used = {model.backend: facts_of(model.backend).version() for model in work.models}
    made = {name for model in work.models for name in libraries(model.preprocess or work.dataset.preprocess)}
    return {
        "harness": __version__,
        "its code": code_digest()[:12],
        "Python": platform.python_version(),
        "numpy": np.__version__,
        "decoder": ", ".join(sorted(made)),
        **{name: str(version) for name, version in used.items()},
    }


class Worker:
    """Makes shard tables. Only two jobs may run at a time: one decodes while the other infers."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._turn = threading.Lock()
        self._models: Models | None = None

    def ready(self) -> Ready | Problem:
        """Open the image set, check that it is the driver's, and import the frameworks; load no model yet."""
        try:
            self._prepare()
        except HarnessError as error:
            problem = Problem.of(error)
            return dataclasses.replace(problem, message=f"on the node {platform.node()}: {problem.message}")
        return Ready(platform.node(), os.getpid(), cpu_name())

    def _prepare(self) -> None:
        setup = self._setup
        claim_cores(setup.cores)
        for name, value in setup.switches.items():  # before any framework is imported
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        for facts in setup.registered:
            register(facts)
        _refuse_other_software(setup)
        folders = {model.cache_folder.parent for model in setup.work.models if model.cache_folder}
        for folder in folders | {package.folder.parent for package in setup.deliveries.values()}:
            trim(folder, setup.cache_bytes)  # the driver's, at its end, is the only one that it can trim
        images = setup.work.open_images()
        lanes = [self._lane(model) for model in setup.work.models]
        for lane in lanes:
            importer = facts_of(lane.backend).importer
            if importer and lane.spec.id in setup.models and not lane.spec.isolate:
                try:
                    load_target(importer)()
                except HarnessError:  # loading says it again, for its model
                    continue
        pixels = setup.pixels.open() if setup.pixels else None
        self._models = Models(images, lanes, pixels=pixels, _turn=self._turn)

    def _lane(self, model: ModelTask) -> Lane:
        """Return a model as this node has it: its file here, its caches for the processor here."""
        setup, spec = self._setup, model.spec
        if spec.id not in setup.models:
            return model.lane()
        model = at_hand(model, setup.deliveries.get(spec.id))
        spec = dataclasses.replace(model.spec, threads=setup.cores)
        if cpu_name() != setup.cpu:
            spec = dataclasses.replace(spec, cache_dir=None)
            key = model.cache_key and {**model.cache_key, "cpu": processor_family()}
            model = dataclasses.replace(model, cache_key=key)
        if setup.alone_seconds is not None:
            seconds = min(spec.timeout_seconds, setup.alone_seconds)
            spec = dataclasses.replace(spec, isolate=True, timeout_seconds=seconds)
        return dataclasses.replace(model, spec=spec).lane()

    def warm(self) -> None:
        """Load the models that will be asked, while others evaluate the first shard; what fails is said with a job."""
        for lane in self._models.lanes if self._models else ():
            if lane.spec.id in self._setup.models and (lane.cache is None or not lane.cache.has_any()):
                with contextlib.suppress(HarnessError):
                    lane.load()

    def close(self) -> None:
        """Free the models."""
        if self._models is not None:
            self._models.__exit__(None, None, None)

    def evaluate(self, job: Job, handed: Handed | None = None) -> tuple[ShardTable | Problem, Handed | None]:
        """Return a shard's table of this worker's models, and the first model's predictions if the job wants them."""
        assert self._models is not None, "ready() was not called"
        models = _Asked(self._models.images, self._models.lanes, _turn=self._turn)
        first = models.lanes[0]
        for lane in models.lanes:
            lane.applied = lane.applied or job.applied.get(lane.spec.id)
        mine = set(self._setup.models)
        if handed is not None and first.spec.id not in mine:
            mine.add(first.spec.id)
            models.lanes = [_answered(first, handed), *models.lanes[1:]]
        without = job.without | ({lane.spec.id for lane in models.lanes} - mine)
        task = ShardTask(job.index, job.rows, self._setup.work)
        distinct = preprocesses(models.lanes, task.work.dataset)
        try:
            store = self._models.pixels
            with Decoder(models.images, *distinct, threads=self._setup.cores, ahead=1, store=store) as decoder:
                (decoded,) = decoder.shards([(job.index, job.rows)])
            table = scanned(decoded) if job.scan else evaluate_shard(task, models, decoded, without)
            if store is not None:
                store.flush()  # written by now, so that ending this worker after its last table interrupts no writing
            if job.scan:
                return table, None
        except HarnessError as error:
            return Problem.of(error), None
        answer = models.first if job.hands_on else None
        if answer is None:
            return table, None
        pairs = zip(decoded.image_digests, decoded.good, strict=True)
        good = tuple(digest for digest, kept in pairs if kept)
        return table, Handed(good, answer.raw, answer.reported.to_json())


@dataclass
class _Asked(Models):
    """The models of one job; ``first``: what the first one of the run gave."""

    first: Answer | None = None

    def answers(self, lanes: Sequence[Lane], ask: Callable[[Lane], Answer | Failure]) -> dict[str, Answer | Failure]:
        found = super().answers(lanes, ask)
        answer = found.get(self.lanes[0].spec.id)
        self.first = answer if isinstance(answer, Answer) else None
        return found


def _answered(lane: Lane, handed: Handed) -> Lane:
    """Return a model whose answers another worker gave; it is never loaded here."""
    return Lane(
        lane.spec, lane.backend, lane.role, _HandedAnswers(handed), preprocess=lane.preprocess, applied=lane.applied
    )


class _HandedAnswers:
    """The predictions of another worker, instead of a cache."""

    def __init__(self, handed: Handed) -> None:
        self._handed = handed

    def has_any(self) -> bool:
        """Return True: the model need not be loaded."""
        return True

    def get(self, image_digests: tuple[bytes, ...], outputs: int) -> Entry:  # noqa: ARG002
        """Return the answers. Raises DatasetError if the images are other ones than on the node that gave them."""
        if image_digests != self._handed.image_digests:
            raise DatasetError(
                "an image has different bytes here than on the node that ran the reference; give all nodes the "
                "same image set"
            )
        known = np.ones(len(image_digests), np.bool_)
        return Entry(self._handed.raw, known, Loaded.from_json(self._handed.loaded))

    def put(self, image_digests: tuple[bytes, ...], probabilities: Probabilities, loaded: Loaded) -> None:
        """Do nothing: they are kept where they were given."""


def _refuse_other_software(setup: Setup) -> None:
    here = software_of(setup.work)
    other = [f"{name} {here.get(name)} instead of {value}" for name, value in setup.software.items()
             if here.get(name) != value]  # fmt: skip
    if other:
        raise ConfigError(
            f"the software differs from that of the machine that started the run: {'; '.join(other)}; install the same "
            "versions on every node"
        )
