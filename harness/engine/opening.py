"""From the configured engine to one that runs: in this process, or on a cluster that is connected first."""

from __future__ import annotations

import contextlib
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from harness.backends.registry import added_backends
from harness.config import Config
from harness.config.engine import EngineKind
from harness.engine.identity import cache_folder, switches
from harness.engine.local import Engine, LocalEngine
from harness.engine.shard import Models
from harness.engine.spread.delivery import packed
from harness.engine.spread.engine import SpreadEngine
from harness.engine.spread.placement import PROCESSOR, Placement, place, wanted_by
from harness.engine.spread.ray_cluster import RayCluster, connected, require_ray
from harness.engine.spread.worker import Setup, software_of
from harness.engine.task import Work
from harness.errors import ConfigError, nearest
from harness.machine.environment import cores, cpu_name
from harness.record.shard_table import Failure


def with_engine(config: Config, name: str | None) -> Config:
    """Return a configuration with another engine (None: its own). Raises ConfigError if it cannot run here."""
    known = typing.get_args(EngineKind)
    if name is not None and name not in known:
        close = nearest(name, known)
        near = f"; did you mean '{close[0]}'? Available" if close else "; available"
        raise ConfigError(f"there is no engine '{name}'{near}: {', '.join(known)}")
    if name is not None:
        config = config.model_copy(update={"engine": config.engine.model_copy(update={"kind": name})})
    if config.engine.kind == "ray":
        require_ray()
    return config


class Place(Protocol):
    """Where the shards of a run are evaluated.

    ``threads``: how many each model has; ``here``: whether models are loaded in this process; ``absent``: optional
    candidates that cannot run there.
    """

    threads: int
    here: bool
    absent: Mapping[str, Failure]

    def open(self, models: Models, work: Work, *, bad_limit: int, bad: int, without: frozenset[str]) -> Engine:
        """Return the engine for a run."""
        ...


@contextlib.contextmanager
def opened_place(config: Config) -> Iterator[Place]:
    """Yield where a configuration's shards are evaluated.

    Raises ConfigError if there is no cluster, AbsentDeviceError if a candidate's device is nowhere in it.
    """
    settings = config.engine
    if settings.kind == "local":
        yield _Local()
        return
    with connected(settings.address) as cluster:
        placement = place(wanted_by(config), cluster.nodes(), settings.resources, settings.workers)
        yield _OnRay(config, cluster, placement)


@dataclass
class _Local:
    threads: int = field(default_factory=cores)
    here: bool = True
    absent: Mapping[str, Failure] = field(default_factory=dict)

    def open(self, models: Models, work: Work, *, bad_limit: int, bad: int, without: frozenset[str]) -> Engine:  # noqa: ARG002
        return LocalEngine(models, threads=self.threads, bad_limit=bad_limit, bad=bad, without=without)


class _OnRay:
    here = False

    def __init__(self, config: Config, cluster: RayCluster, placement: Placement) -> None:
        self._config, self._cluster, self._placement = config, cluster, placement
        self.threads = max(1, int(config.engine.resources.get(PROCESSOR, 1)))
        self.absent = placement.absent
        self._workers = sum(group.workers for group in placement.groups)

    def open(self, models: Models, work: Work, *, bad_limit: int, bad: int, without: frozenset[str]) -> Engine:
        folder = cache_folder(self._config) / "models"
        packages = {model.spec.id: packed(model, folder, self._cluster.fetcher) for model in work.models}
        setup = Setup(
            work=work,
            models=(),
            cores=self.threads,
            software=software_of(work),
            switches=switches(),
            cpu=cpu_name(),
            cache_bytes=int(self._config.cache.max_gb * 1e9),
            registered=added_backends(),
            deliveries={model: package for model, package in packages.items() if package is not None},
            pixels=models.pixels.shared(self._workers) if models.pixels else None,
        )
        return SpreadEngine(
            models,
            self._cluster,
            setup,
            self._placement,
            self._config.engine.timeout_seconds,
            in_order=work.certify is not None,
            bad_limit=bad_limit,
            bad=bad,
            without=without,
        )
