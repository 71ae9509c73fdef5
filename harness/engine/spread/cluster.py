"""What the spreading engine needs from a cluster: workers, results of jobs, and lost workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from harness.engine.spread.placement import Node
from harness.engine.spread.worker import Job, Setup

Handle = Any  # a worker, as its cluster knows it
Ticket = Any  # an awaited result; hashable


class WorkerLostError(Exception):
    """A worker ended before it answered. ``with_node``: because its node left, which does not count as a failure."""

    def __init__(self, reason: str, *, with_node: bool = False) -> None:
        self.reason, self.with_node = reason, with_node
        super().__init__(reason)


class AnswerLostError(Exception):
    """What another worker should be handed is gone with the node that had it."""


class Cluster(Protocol):
    """Workers somewhere. A job's answer is a pair: the shard table, and what it hands to other groups' workers."""

    def nodes(self) -> list[Node]:
        """Return the nodes that are there now."""
        ...

    def keep(self, value: Any) -> Any:
        """Store a value for all nodes, sent once per node; return the handle for ``start``."""
        ...

    def start(self, setup: Any, needs: Mapping[str, float]) -> tuple[Handle, Ticket]:
        """Start a worker of what ``keep`` gave for a ``Setup``; the ticket's answer is its ``Ready`` or a problem."""
        ...

    def warm(self, worker: Handle) -> None:
        """Let a worker load its models, without waiting for it."""
        ...

    def ask(self, worker: Handle, job: Job, handed: Any) -> tuple[Ticket, Any]:
        """Give a worker a job; return the ticket of its table, and a handle to the predictions that it hands on."""
        ...

    def wait(self, tickets: Sequence[Ticket], seconds: float) -> list[Ticket]:
        """Return the tickets with results, after at most so many seconds."""
        ...

    def answer(self, ticket: Ticket) -> Any:
        """Return the result of a ticket. Raises WorkerLostError or AnswerLostError."""
        ...

    def end(self, worker: Handle) -> None:
        """End a worker, even while it evaluates."""
        ...


__all__ = ["AnswerLostError", "Cluster", "Handle", "Setup", "Ticket", "WorkerLostError"]
