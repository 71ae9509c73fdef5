"""The local engine: decoding ahead in threads while the models take turns over the shards.

One shard of uint8 pixels goes to every model in turn, each with all cores; the next shards are decoded meanwhile, and
the answers to the shard before are counted. Why turns and not all models at the same time: docs/engine.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from harness.engine.shard import Models, evaluate_shard, preprocesses, scanned
from harness.engine.task import ShardTask
from harness.feeding.decode import Decoded, Decoder, joined
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

    ``threads``: how many images are decoded at once; ``bad_limit``: with more bad images than this, inference stops and
    only the scan continues; ``bad``: how many are known already; ``without``: models that take no part; ``ahead``:
    shards that are decoded ahead. ``first_rows``: so many images of the set are evaluated before the rest of their
    shard is waited for, and ``on_first`` gets their table, in a thread; the shard's own table is the same.
    """

    models: Models
    threads: int
    bad_limit: int = 0
    bad: int = 0
    without: frozenset[str] = frozenset()
    ahead: int = 1
    notes: Sequence[str] = ()
    first_rows: int = 0
    on_first: Callable[[ShardTable], None] | None = None

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
                for decoded in self._decoded(decoder, tasks, pool):
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
                for lane in self.models.lanes if not self.models.abandoned else ():
                    lane.stop()
                raise
            finally:
                _cancel(waiting)

    def _decoded(self, decoder: Decoder, tasks: Sequence[ShardTask], pool: ThreadPoolExecutor) -> Iterator[Decoded]:
        """Yield the tasks' images; the first of the first shard are evaluated while its others are decoded."""
        wanted = [(task.index, task.rows) for task in tasks]
        first = tasks[0]
        if self.on_first is None or first.index != 0 or not 0 < self.first_rows < len(first.rows):
            yield from decoder.shards(wanted)
            return
        head, tail = first.rows[: self.first_rows], first.rows[self.first_rows :]
        stream = decoder.shards([(0, head), (0, tail), *wanted[1:]])
        decoded = next(stream)
        if decoded.bad:
            yield joined(decoded, next(stream))
        else:
            begun = pool.submit(self._begin, ShardTask(0, head, first.work), decoded, self.on_first)
            rest = next(stream)
            begun.result()
            yield joined(decoded, rest)
        yield from stream

    def _begin(self, task: ShardTask, decoded: Decoded, tell: Callable[[ShardTable], None]) -> None:
        """Evaluate the first images of the first shard, and leave undecided what the whole shard decides."""
        applied = [lane.applied for lane in self.models.lanes]
        for lane in self.models.lanes:
            lane.begin_shard()
        try:
            tell(evaluate_shard(task, self.models, decoded, self.without))
        finally:
            for lane, before in zip(self.models.lanes, applied, strict=True):
                lane.applied = before


@dataclass(frozen=True)
class _Evaluating:
    decoded: Decoded
    table: Future[ShardTable]


def _cancel(waiting: deque[_Evaluating]) -> None:
    for item in waiting:
        item.table.cancel()
    waiting.clear()
