"""A cluster in this process: real workers, whose answers come in a random order, and losses as a test scripts them."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.backends.base import ModelSpec
from harness.config import Dataset, Input, Preprocess
from harness.dataset.image_set import open_image_set
from harness.engine.shard import Models
from harness.engine.spread.cluster import WorkerLostError
from harness.engine.spread.engine import SpreadEngine
from harness.engine.spread.placement import Group, Node, Placement
from harness.engine.spread.worker import Job, Setup, Worker, software_of
from harness.engine.task import ModelTask, ShardTask, Work, ordered
from tests.conftest import CLASSES, SIZE, write_images

ROWS = 4  # of a shard
Script = Callable[[Job, Setup], BaseException | str | None]  # an exception to lose the worker by, "hang", or None


@dataclass
class InProcess:
    """Workers in this process. ``script``: what happens to a job instead of being done."""

    script: Script = lambda job, setup: None
    seed: int = 0
    worker: Callable[[Setup], Any] = Worker
    warmed: list[Setup] = field(default_factory=list)
    started: list[Setup] = field(default_factory=list)
    jobs: list[tuple[Job, Setup]] = field(default_factory=list)
    most_waiting: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._waiting: dict[int, Callable[[], Any]] = {}
        self._handed: dict[int, Any] = {}
        self._numbers = iter(range(10**9))
        self._hanging: set[int] = set()

    def nodes(self) -> list[Node]:
        return [Node("here", {"CPU": 2.0})]

    def keep(self, value: Any) -> Any:
        return value

    def start(self, setup: Setup, needs: Mapping[str, float]) -> tuple[Any, int]:
        self.started.append(setup)
        worker = self.worker(setup)
        ticket = next(self._numbers)
        self._waiting[ticket] = worker.ready
        return (worker, setup), ticket

    def warm(self, worker: Any) -> None:
        self.warmed.append(worker[1])

    def ask(self, worker: Any, job: Job, handed: Any) -> tuple[int, int]:
        doing, setup = worker
        self.jobs.append((job, setup))
        ticket, hands_on = next(self._numbers), next(self._numbers)

        happens = self.script(job, setup)

        def do() -> Any:
            if isinstance(happens, BaseException):
                raise happens
            table, self._handed[hands_on] = doing.evaluate(job, self._handed.get(handed))
            return table

        if happens == "hang":
            self._hanging.add(ticket)
        self._waiting[ticket] = do
        self.most_waiting = max(self.most_waiting, len(self._waiting))
        return ticket, hands_on

    def wait(self, tickets: Sequence[int], seconds: float) -> list[int]:
        able = [ticket for ticket in tickets if ticket not in self._hanging]
        return [self._random.choice(able)] if able else []

    def answer(self, ticket: int) -> Any:
        return self._waiting.pop(ticket)()

    def end(self, worker: Any) -> None:
        worker[0].close()


def model(name: str, device: str = "CPU", **more: Any) -> ModelTask:
    file = more.pop("file", "none.fake")
    spec = ModelSpec(
        name, str(file), Input(color="RGB"), "out", SIZE, CLASSES + 1, device=device, model_sha256="0" * 64
    )
    return ModelTask(spec, "fake", "reference" if name == "tf" else "candidate", **more)


MakeWork = Callable[..., Work]


@pytest.fixture
def make_work(tmp_path: Path) -> MakeWork:
    def make(*models: ModelTask, images: int = 22) -> Work:
        write_images(tmp_path / "images", images, seed=3)
        dataset = Dataset(path=tmp_path / "images", classes=CLASSES, preprocess=Preprocess(size=SIZE))
        fingerprint = ordered(open_image_set(dataset), None, None).manifest.fingerprint()
        return Work(dataset, None, None, fingerprint, models or (model("tf"), model("ir")))

    return make


def tasks_of(work: Work) -> list[ShardTask]:
    images = len(work.open_images().manifest)
    starts = range(0, images, ROWS)
    return [ShardTask(number, range(start, min(start + ROWS, images)), work) for number, start in enumerate(starts)]


def setup_for(work: Work, **more: Any) -> Setup:
    return Setup(
        work, tuple(item.spec.id for item in work.models), 64, software_of(work), {}, "another processor", **more
    )


def engine_for(work: Work, cluster: Any, *groups: Group, **more: Any) -> SpreadEngine:
    members = tuple(item.spec.id for item in work.models)
    chosen = groups or (Group(members, {"CPU": 1.0}, 3),)
    lanes = [dataclasses.replace(item).lane() for item in work.models]
    models = Models(work.open_images(), lanes)
    more.setdefault("timeout_seconds", 60.0)
    return SpreadEngine(models, cluster, setup_for(work), Placement(chosen, {}), **more)


def lost(reason: str = "signal 9", *, with_node: bool = False) -> WorkerLostError:
    return WorkerLostError(reason, with_node=with_node)
