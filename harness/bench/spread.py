"""What a shard costs the driver of a cluster: shards of trivial work, real tables, a real Ray cluster on this machine.

``python -m harness.bench.spread [--shards 10000] [--workers 2] [--models 2] [--keep]``; needs the extra ``[ray]``.
``--keep``: the tables are kept until the end, as a run keeps them to judge.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import hashlib
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.backends.base import ModelSpec
from harness.config import Dataset, Input
from harness.dataset.image_set import ImageSet
from harness.dataset.manifest import SHARD_ROWS, Manifest
from harness.engine.shard import Models
from harness.engine.spread.engine import SpreadEngine
from harness.engine.spread.placement import PROCESSOR, Group, Placement
from harness.engine.spread.ray_cluster import RayCluster, connected
from harness.engine.spread.worker import Handed, Job, Ready, Setup
from harness.engine.task import ModelTask, ShardTask, Work
from harness.metrics.outcome import score
from harness.record.shard_table import ShardTable

_OUTPUTS = 1001


class Trivial:
    """A worker that answers at once, with a table as large as a real one."""

    def __init__(self, setup: Setup) -> None:
        generator = np.random.default_rng(0)
        values = generator.random((SHARD_ROWS, _OUTPUTS), np.float32)
        outcome = score(values, generator.integers(0, _OUTPUTS, SHARD_ROWS, np.int32), values)
        digests = tuple(hashlib.sha256(str(row).encode()).digest() for row in range(SHARD_ROWS))
        signatures = tuple(
            f"{100_000 + row}:17000000000000000{row:02d}:17000000000000000{row:02d}" for row in range(SHARD_ROWS)
        )
        notes = {"details": {"activation": "none", "batch": 32}}
        reported = dict.fromkeys(setup.models, notes)
        self._table = ShardTable(
            0, range(SHARD_ROWS), digests, signatures, {}, dict.fromkeys(setup.models, outcome), reported=reported
        )

    def ready(self) -> Ready:
        """Return at once."""
        return Ready("here", 0, "any")

    def evaluate(self, job: Job, handed: Handed | None = None) -> tuple[ShardTable, None]:  # noqa: ARG002
        """Return a table of the right rows."""
        made = self._table
        table = dataclasses.replace(made, index=job.index, rows=job.rows)
        return table, None

    def warm(self) -> None:
        """Do nothing."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--models", type=int, default=2)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args(arguments)
    names = tuple(f"m{number}" for number in range(options.models))
    specs = [ModelSpec(name, "none", Input(color="RGB"), "out", 224, _OUTPUTS, activation="none") for name in names]
    work = Work(
        Dataset(path=Path("none")), None, None, "", tuple(ModelTask(spec, "none", "candidate") for spec in specs)
    )
    rows = SHARD_ROWS
    tasks = [ShardTask(number, range(number * rows, (number + 1) * rows), work) for number in range(options.shards)]
    images = ImageSet("none", "none", Manifest((), np.zeros(0, np.int32)), lambda _: b"", lambda _: "")
    placement = Placement((Group(names, {PROCESSOR: 1.0}, options.workers),), {})
    with connected("local"):
        cluster = RayCluster(Trivial)
        engine = SpreadEngine(
            Models(images, [model.lane() for model in work.models]), cluster,
            Setup(work, names, 1, {}, {}, ""), placement, 600.0,
        )  # fmt: skip
        stream = engine.run(tasks)
        kept: list[Any] = [next(stream)]
        gc.collect()
        before, cpu, start = _resident(), time.process_time(), time.perf_counter()
        count = 0
        for table in stream:
            count += 1
            if options.keep:
                kept.append(table)
        wall, used = time.perf_counter() - start, time.process_time() - cpu
        print(
            f"{count} shards with {options.workers} workers: {1e3 * wall / count:.2f} ms of wall time per shard, "
            f"{1e3 * used / count:.2f} ms of the driver's CPU time; driver {before:.0f} MiB before, "
            f"{_resident():.0f} MiB after, peak {_peak():.0f} MiB"
        )


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * resource.getpagesize() / 2**20


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


if __name__ == "__main__":
    main()
