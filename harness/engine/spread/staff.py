"""The workers of a run: who is at what, who was lost, and which shard is tried again with more care."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.engine.spread.cluster import Cluster, Handle, Ticket, WorkerLostError
from harness.engine.spread.placement import Group
from harness.engine.spread.worker import Job, Problem, Ready, Setup
from harness.errors import DeviceError, ModelError

AT_ONCE = 2  # jobs that a worker has: one decodes while the other infers
TRIES = 3  # of a shard, the last one with every model in a separate process
_MOVES = 20  # of a shard from nodes that leave, before that counts against the shard all the same
_SHARE = 0.8  # of the time limit that the models have together if each has a separate process


JobOf = Callable[["Part"], tuple[Job, Any] | None]  # None if the part is no longer wanted


@dataclass(frozen=True)
class Part:
    """One group's part of a shard.

    ``losses``: why the workers that tried it before ended; ``moves``: how many left with their nodes.
    """

    index: int
    group: int
    losses: tuple[str, ...] = ()
    moves: int = 0


@dataclass(frozen=True)
class Asked:
    """A job that a worker has; ``handed``: stands for what it hands on."""

    part: Part
    handed: Any


@dataclass
class Staffed:
    """A worker. ``careful``: it runs each model in a separate process, for one job; ``since``: of what it is at.

    ``first``: it was started with the run, not to replace another.
    """

    handle: Handle
    group: int
    start: Ticket
    since: float
    careful: Part | None = None
    first: bool = False
    ready: bool = False
    node: str = ""
    jobs: dict[Ticket, Asked] = field(default_factory=dict)

    @property
    def room(self) -> int:
        """How many jobs it would take now."""
        return (1 if self.careful else AT_ONCE) - len(self.jobs) if self.ready else 0

    def waits_for_start(self, ticket: Ticket) -> bool:
        """Whether a ticket is that of its start."""
        return bool(ticket == self.start)


class Staff:
    """Starts workers, gives them jobs, and replaces those that were lost."""

    def __init__(
        self, cluster: Cluster, setup: Setup, groups: Sequence[Group], timeout_seconds: float, shards: int
    ) -> None:
        self._cluster, self._setup, self._groups, self._limit = cluster, setup, groups, timeout_seconds
        self._kept: dict[tuple[int, bool], Any] = {}
        self._queues: list[deque[Part]] = [deque() for _ in groups]
        self._careful: list[deque[Part]] = [deque() for _ in groups]
        self._workers: list[Staffed] = []
        self._by_ticket: dict[Ticket, Staffed] = {}
        self._lost_at_start = [0] * len(groups)
        self._cpus: set[str] = set()
        self._losses: list[str] = []
        for place, group in enumerate(groups):
            for _ in range(min(group.workers, shards)):
                self._start(place, first=True)

    @property
    def room(self) -> int:
        """How many shards are worth being begun: two for each worker, and one that waits."""
        return AT_ONCE * max(1, len(self._workers)) + 1

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the workers."""
        found = []
        if self._losses:
            workers = f"{len(self._losses)} workers" if len(self._losses) > 1 else "1 worker"
            reasons = "; ".join(dict.fromkeys(self._losses))[:300]
            found.append(f"{workers} ended during the run ({reasons}); others took over their shards")
        if len(self._cpus) > 1:
            named = ", ".join(sorted(self._cpus))
            found.append(
                f"the workers ran on different processors ({named}), so the last bits of probabilities may differ"
            )
        return tuple(found)

    def queue(self, part: Part) -> None:
        """Queue a part for the workers of its group, in order."""
        self._queues[part.group].append(part)

    def give(self, job_of: JobOf) -> None:
        """Give waiting parts to workers that have room, to the least busy first."""
        for worker in list(self._workers):
            if worker.careful is not None and worker.room and not self._ask(worker, worker.careful, job_of):
                self._replace(worker)
        for wanted in range(AT_ONCE):
            for worker in self._workers:
                queue = self._queues[worker.group]
                while queue and worker.careful is None and worker.ready and len(worker.jobs) == wanted:
                    if self._ask(worker, queue.popleft(), job_of):
                        break

    def _ask(self, worker: Staffed, part: Part, job_of: JobOf) -> bool:
        wanted = job_of(part)
        if wanted is None:
            return False
        if not worker.jobs:
            worker.since = time.monotonic()
        ticket, handed = self._cluster.ask(worker.handle, *wanted)
        worker.jobs[ticket] = Asked(part, handed)
        self._by_ticket[ticket] = worker
        return True

    def _replace(self, worker: Staffed) -> None:
        self._remove(worker)
        self._start(worker.group)

    def wait(self, seconds: float) -> list[Ticket]:
        """Return the tickets that were answered."""
        if not self._by_ticket:
            time.sleep(min(seconds, 0.01))  # no worker is contacted
            return []
        return self._cluster.wait(list(self._by_ticket), seconds)

    def of(self, ticket: Ticket) -> Staffed | None:
        """Return whose ticket it is; None if that worker was lost meanwhile."""
        return self._by_ticket.get(ticket)

    def started(self, worker: Staffed, answer: Ready | Problem) -> None:
        """Add a worker that is ready for jobs. Raises the HarnessError that prevented this."""
        if isinstance(answer, Problem):
            raise answer.error()
        self._by_ticket.pop(worker.start)
        self._lost_at_start[worker.group] = 0
        worker.ready, worker.node = True, answer.node
        if worker.first:  # once only: the first shard's tries reveal a model that kills every worker that loads it
            self._cluster.warm(worker.handle)
        self._cpus.add(answer.cpu)

    def finished(self, worker: Staffed, ticket: Ticket) -> Asked:
        """Take back a job that was answered; a careful worker is replaced by an ordinary one."""
        asked = worker.jobs.pop(ticket)
        del self._by_ticket[ticket]
        worker.since = time.monotonic()
        if worker.careful is not None:
            self._replace(worker)
        return asked

    def lost(self, worker: Staffed, error: WorkerLostError) -> None:
        """Start another worker for one that ended, and let its parts be tried again.

        A part that two workers ended over is given to a careful one. Raises ModelError if that ended, too, or where
        workers end while they start.
        """
        self._remove(worker)
        self._losses.append("its node left" if error.with_node else error.reason)
        if not worker.ready and not error.with_node:
            self._lost_at_start[worker.group] += 1
            if self._lost_at_start[worker.group] >= TRIES:
                raise DeviceError(f"{TRIES} workers failed to start, the last one because {error.reason}")
        for asked in reversed(worker.jobs.values()):
            self._again(asked.part, error, worker)
        if worker.careful is not None and not worker.jobs:
            self._careful[worker.group].appendleft(worker.careful)
        self._start(worker.group)

    def _again(self, part: Part, error: WorkerLostError, worker: Staffed) -> None:
        if error.with_node and part.moves < _MOVES:
            part = dataclasses.replace(part, moves=part.moves + 1)
            if worker.careful is not None:
                self._careful[part.group].appendleft(part)
            else:
                self._queues[part.group].appendleft(part)
            return
        part = dataclasses.replace(part, losses=(*part.losses, error.reason))
        if len(part.losses) >= TRIES and worker.careful is not None:
            models = ", ".join(self._groups[part.group].models)
            raise ModelError(
                f"shard {part.index} was abandoned: {len(part.losses)} workers ended while they evaluated it with "
                f"{models}, the last one although each model ran in a separate process ({part.losses[-1]}); check "
                "its images and the memory of the nodes"
            )
        if len(part.losses) >= TRIES - 1:
            self._careful[part.group].append(part)
        else:
            self._queues[part.group].appendleft(part)

    def expire(self) -> None:
        """End workers that take too long. Raises DeviceError if the cluster starts none."""
        now = time.monotonic()
        for worker in list(self._workers):
            if now - worker.since <= self._limit:
                continue
            if worker.jobs:
                self.lost(worker, WorkerLostError(f"it did not respond within {self._limit:g} s"))
            elif not worker.ready and not any(other.ready for other in self._workers if other.group == worker.group):
                raise DeviceError(
                    f"the cluster started no worker for {', '.join(self._groups[worker.group].models)} within "
                    f"{self._limit:g} s; check `ray status`, and continue with --resume"
                )

    def _start(self, group: int, *, first: bool = False) -> None:
        careful = self._careful[group].popleft() if self._careful[group] else None
        kept = self._kept_setup(group, careful=careful is not None)
        handle, ticket = self._cluster.start(kept, self._groups[group].needs)
        worker = Staffed(handle, group, ticket, time.monotonic(), careful, first)
        self._workers.append(worker)
        self._by_ticket[ticket] = worker

    def _kept_setup(self, group: int, *, careful: bool) -> Any:
        """Return what stands for the setup of a group's workers; it is put to the cluster once."""
        if (group, careful) not in self._kept:
            members = self._groups[group].models
            alone = _SHARE * self._limit / len(members) if careful else None
            setup = dataclasses.replace(self._setup, models=members, alone_seconds=alone)
            self._kept[group, careful] = self._cluster.keep(setup)
        return self._kept[group, careful]

    def _remove(self, worker: Staffed) -> None:
        self._workers.remove(worker)
        for ticket in (worker.start, *worker.jobs):
            self._by_ticket.pop(ticket, None)
        self._cluster.end(worker.handle)

    def end(self) -> None:
        """End all workers."""
        for worker in list(self._workers):
            self._remove(worker)
