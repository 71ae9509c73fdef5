"""The spreading engine: sends shards to workers and collects their tables, even if workers are lost.

It waits for tables and hands out jobs; it evaluates nothing. What it holds is bounded by the number of workers, not by
that of shards: a shard is opened only where a worker is about to be free.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.engine.answers import applied_in
from harness.engine.shard import Models
from harness.engine.spread.cluster import AnswerLostError, Cluster, Ticket, WorkerLostError
from harness.engine.spread.joining import joined, looked_through
from harness.engine.spread.placement import Placement
from harness.engine.spread.staff import Part, Staff
from harness.engine.spread.worker import Job, Problem, Setup
from harness.engine.task import ShardTask
from harness.record.shard_table import ShardTable

_POLL_SECONDS = 1.0


@dataclass
class SpreadEngine:
    """Evaluates shards on a cluster.

    ``models``: the opened image set and the lanes, none of which is loaded here; ``timeout_seconds``: how long a worker
    may take for a shard, or the cluster to start one; ``in_order``: tables come in the order of the tasks, not as they
    are finished; ``bad_limit``, ``bad``, ``without``: as for the local engine.
    """

    models: Models
    cluster: Cluster
    setup: Setup
    placement: Placement
    timeout_seconds: float
    in_order: bool = False
    bad_limit: int = 0
    bad: int = 0
    without: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def run(self, tasks: Sequence[ShardTask]) -> Generator[ShardTable, None, None]:
        """Yield the finished tables, the first task's first."""
        if tasks:
            running = _Running(self, deque(tasks))
            try:
                yield from running.tables()
            finally:
                running.staff.end()
                self.notes = running.staff.notes


@dataclass
class _Shard:
    """A shard that was begun: the tables of the groups that have finished, and how many have not."""

    task: ShardTask
    tables: dict[int, ShardTable] = field(default_factory=dict)
    handed: Any = None
    missing: set[int] = field(default_factory=lambda: {0})


class _Running:
    """One run of the engine."""

    def __init__(self, engine: SpreadEngine, tasks: deque[ShardTask]) -> None:
        self._engine, self._tasks = engine, tasks
        self._order = [task.index for task in tasks] if engine.in_order else [tasks[0].index]
        self._order.reverse()
        self._first_pending = True
        self._open: dict[int, _Shard] = {}
        self._done: dict[int, ShardTable] = {}
        self._bad = engine.bad
        self._known_failed = set(engine.without)
        self._failed = set(engine.without)
        self._lanes = {lane.spec.id: lane for lane in engine.models.lanes}
        self._first = engine.models.lanes[0].spec.id
        self.staff = Staff(engine.cluster, engine.setup, engine.placement.groups, engine.timeout_seconds, len(tasks))

    def tables(self) -> Generator[ShardTable, None, None]:
        """Yield tables until there is no task left."""
        while self._tasks or self._open or self._done:
            yield from self._finished()
            self._begin()
            self.staff.give(self._job)
            for ticket in self.staff.wait(_POLL_SECONDS):
                self._take(ticket)
            self.staff.expire()

    def _finished(self) -> Generator[ShardTable, None, None]:
        """Yield what may be given away: the first shard before any other, and all in order where that is wanted."""
        while self._done and (not self._order or self._order[-1] in self._done):
            index = self._order.pop() if self._order else next(iter(self._done))
            table = self._done.pop(index).without(self._failed)
            self._first_pending = False
            self._failed.update(table.failures)
            yield table

    def _begin(self) -> None:
        """Open as many shards as the workers will soon take; one alone until it is known how outputs are read."""
        settled = not self._first_pending and self._engine.models.is_settled(self._known_failed)
        scanning = self._bad > self._engine.bad_limit
        most = self.staff.room if settled or scanning else 1
        while self._tasks and len(self._open) + len(self._done) < most:
            task = self._tasks.popleft()
            self._open[task.index] = _Shard(task)
            self.staff.queue(Part(task.index, 0))

    def _job(self, part: Part) -> tuple[Job, Any] | None:
        """Return the current task of a worker for a part of a shard, and the predictions that it needs.

        None if the part is no longer wanted.
        """
        shard = self._open.get(part.index)
        if shard is None or part.group not in shard.missing:
            return None
        applied = {name: lane.applied for name, lane in self._lanes.items() if lane.applied is not None}
        for table in shard.tables.values():
            for name, reported in table.reported.items():
                if (found := applied_in(reported)) is not None:
                    applied.setdefault(name, found)
        job = Job(
            shard.task.index,
            shard.task.rows,
            applied,
            frozenset(self._known_failed),
            hands_on=part.group == 0 and bool(self._others()),
            scan=self._bad > self._engine.bad_limit,
        )
        return job, shard.handed if part.group else None

    def _others(self) -> list[int]:
        """Return the groups after the first that still have a model."""
        groups = enumerate(self._engine.placement.groups)
        return [place for place, group in groups if place and set(group.models) - self._known_failed]

    def _take(self, ticket: Ticket) -> None:
        worker = self.staff.of(ticket)
        if worker is None:  # it was lost with another of its tickets
            return
        try:
            answer = self._engine.cluster.answer(ticket)
        except WorkerLostError as error:
            self.staff.lost(worker, error)
            return
        except AnswerLostError:
            part = self.staff.finished(worker, ticket).part
            shard = self._open.get(part.index)
            if shard is not None and part.group in shard.missing:
                self._open[part.index] = _Shard(shard.task)
                self.staff.queue(Part(part.index, 0))
            return
        if worker.waits_for_start(ticket):
            self.staff.started(worker, answer)
            return
        asked = self.staff.finished(worker, ticket)
        if isinstance(answer, Problem):
            raise answer.error(worker.node)
        self._add(asked.part, answer, asked.handed)

    def _add(self, part: Part, table: ShardTable, handed: Any) -> None:
        shard = self._open.get(part.index)
        if shard is None or part.group not in shard.missing:
            return  # it was begun again meanwhile
        shard.missing.discard(part.group)
        shard.tables[part.group] = table
        self._known_failed.update(table.failures)
        for name, reported in table.reported.items():
            lane = self._lanes[name]
            lane.applied = lane.applied or applied_in(reported)
        if part.group == 0:
            self._bad += len(table.bad)
            if self._bad <= self._engine.bad_limit and table.is_evaluated and self._first not in table.failures:
                shard.handed = handed
                shard.missing |= set(self._others())
                for place in shard.missing:
                    self.staff.queue(Part(part.index, place))
        if not shard.missing:
            del self._open[part.index]
            whole = joined(shard.tables, list(self._lanes), self._engine.placement.groups)
            if self._bad > self._engine.bad_limit:
                whole = looked_through(whole)
            self._done[part.index] = whole
