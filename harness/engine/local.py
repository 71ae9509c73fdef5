"""The local engine: decoding ahead in threads while the models take turns over the shards.

One shard of uint8 pixels goes to every model in turn, each with all cores; the next shards are decoded meanwhile, and
the answers to the shard before are counted. Why turns and not all models at the same time: docs/engine.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from harness.engine.shard import Models, evaluate_shard, preprocesses, scanned
from harness.engine.task import ShardTask
from harness.feeding.decode import Decoded, Decoder
from harness.record.shard_table import ShardTable


class Engine(Protocol):
    """What evaluates shards: here, or elsewhere.

    A table after more than ``bad_limit`` bad images has no outcomes, only bad images. A model that failed in one table
    has no outcome in any later one. ``notes``: what the user should know once it has run.
    """

    @property
    def notes(self) -> Sequence[str]:
        """Sentences for the record's warnings."""
        ...

    def run(self, tasks: Sequence[ShardTask]) -> Generator[ShardTable, None, None]:
        """Yield the finished tables, the first task's first."""
        ...


@dataclass
class LocalEngine:
    """Evaluates shards in this process.

    ``threads``: how many images are decoded at once; ``bad_limit``: with more bad images than this, nothing is inferred
    any more and only the scan goes on; ``bad``: how many are known already; ``without``: models that take no part;
    ``ahead``: shards that are decoded ahead.
    """

    models: Models
    threads: int
    bad_limit: int = 0
    bad: int = 0
    without: frozenset[str] = frozenset()
    ahead: int = 1
    notes: Sequence[str] = ()

    def run(self, tasks: Sequence[ShardTask]) -> Generator[ShardTable, None, None]:
        """Yield the finished tables in the order of the tasks."""
        if not tasks:
            return
        waiting: deque[_Evaluating] = deque()
        failed = set(self.without)
        by_index = {task.index: task for task in tasks}
        distinct = preprocesses(self.models.lanes, tasks[0].work.dataset)

        def finished() -> ShardTable:
            table = waiting.popleft().table.result().without(failed)
            failed.update(table.failures)
            return table

        with (
            ThreadPoolExecutor(2, thread_name_prefix="shard") as pool,
            Decoder(
                self.models.images, *distinct, threads=self.threads, ahead=self.ahead, store=self.models.pixels
            ) as decoder,
        ):
            try:
                for decoded in decoder.shards([(task.index, task.rows) for task in tasks]):
                    self.bad += len(decoded.bad)
                    if self.bad > self.bad_limit:
                        yield from (scanned(item.decoded) for item in waiting)
                        _cancel(waiting)
                        yield scanned(decoded)
                        continue
                    task, without = by_index[decoded.index], frozenset(failed)
                    table = pool.submit(evaluate_shard, task, self.models, decoded, without)
                    waiting.append(_Evaluating(decoded, table))
                    while len(waiting) >= 2 or (waiting and not self.models.is_settled(failed)):
                        yield finished()  # the first shard decides how outputs are read in all others
                while waiting:
                    yield finished()
            except BaseException:  # interrupted, or given up: a model that never ends must not hold the others up
                for lane in self.models.lanes:
                    lane.stop()
                raise
            finally:
                _cancel(waiting)


@dataclass(frozen=True)
class _Evaluating:
    decoded: Decoded
    table: Future[ShardTable]


def _cancel(waiting: deque[_Evaluating]) -> None:
    for item in waiting:
        item.table.cancel()
    waiting.clear()
