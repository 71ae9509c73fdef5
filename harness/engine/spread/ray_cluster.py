"""A Ray cluster: an actor is a worker, and its object store carries what many of them need."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.engine.spread.cluster import AnswerLostError, WorkerLostError
from harness.engine.spread.placement import PROCESSOR, Node
from harness.engine.spread.staff import AT_ONCE
from harness.engine.spread.worker import Job, Worker
from harness.errors import ConfigError, DeviceError
from harness.machine.environment import cores
from harness.text import first_line

_TOKENS = "ray._private.authentication.authentication_token_setup"
_ACCELERATOR = "GPU"  # Ray counts these itself, under an argument of their own


def require_ray() -> None:
    """Raise ConfigError that says what to install where Ray is missing."""
    if importlib.util.find_spec("ray") is None:
        raise ConfigError(
            "the engine 'ray' needs Ray, which is not installed; run `pip install 'conversion-accuracy-harness[ray]'`, "
            "or leave out --engine ray"
        )


@contextlib.contextmanager
def connected(address: str) -> Iterator[RayCluster]:
    """Yield the cluster at an address. Raises ConfigError if there is none.

    `auto`: the one of this machine ($RAY_ADDRESS, or a node that runs here); where there is none, one is started here
    and ended with the block. A connection that the process has already is used and kept.
    """
    require_ray()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report to its makers
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # its future default, set to avoid a warning
    import ray

    logging.getLogger(_TOKENS).setLevel(logging.ERROR)  # that a cluster started here is not open to others is expected
    if ray.is_initialized():
        yield RayCluster()
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "configure_logging": False}
    try:
        try:
            ray.init(address=address, **quiet)
        except ConnectionError:
            if address != "auto" or "RAY_ADDRESS" in os.environ:
                raise
            ray.init(address="local", num_cpus=cores(), include_dashboard=False, **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise ConfigError(
            f"engine.address: no Ray cluster answers at {address} ({first_line(error)}); start one with "
            "`ray start --head`, or set engine.address"
        ) from None
    try:
        yield RayCluster()
    finally:
        ray.shutdown()


@dataclass(frozen=True)
class _Fetch:
    """What was put to the object store, fetched where it is called."""

    reference: Any

    def __call__(self) -> Any:
        import ray

        return ray.get(self.reference)


class RayCluster:
    """The cluster that this process is connected to. ``worker``: what an actor is."""

    def __init__(self, worker: type[Any] = Worker) -> None:
        import ray

        self._ray = ray
        self._actor = ray.remote(worker)

    def nodes(self) -> list[Node]:
        """Return the nodes that are there now."""
        return [
            Node(node["NodeManagerHostname"], dict(node["Resources"])) for node in self._ray.nodes() if node["Alive"]
        ]

    def keep(self, value: Any) -> Any:
        """Put a value into the object store: it is sent once per node, for any number of workers."""
        return self._ray.put(value)

    def fetcher(self, value: Any) -> _Fetch:
        """Put a value into the object store; return a handle for any node."""
        return _Fetch(self._ray.put(value))

    def start(self, setup: Any, needs: Mapping[str, float]) -> tuple[Any, Any]:
        """Start an actor. It is not restarted by Ray: the engine decides what is tried again."""
        others = {name: amount for name, amount in needs.items() if name not in (PROCESSOR, _ACCELERATOR)}
        actor = self._actor.options(
            num_cpus=needs[PROCESSOR],
            num_gpus=needs.get(_ACCELERATOR, 0),
            resources=others,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=AT_ONCE,
        ).remote(setup)
        return actor, actor.ready.remote()

    def warm(self, worker: Any) -> None:
        """Let an actor load its models; it takes jobs meanwhile."""
        worker.warm.remote()

    def ask(self, worker: Any, job: Job, handed: Any) -> tuple[Any, Any]:
        """Call an actor; ``handed`` is sent to it directly from the node that has it."""
        table, hands_on = worker.evaluate.options(num_returns=2).remote(job, handed)
        return table, hands_on

    def wait(self, tickets: Sequence[Any], seconds: float) -> list[Any]:
        """Return the tickets with results."""
        found, _ = self._ray.wait(list(tickets), num_returns=1, timeout=seconds)
        if not found:
            return []
        more, _ = self._ray.wait(list(tickets), num_returns=len(tickets), timeout=0)
        return list(more) or list(found)

    def answer(self, ticket: Any) -> Any:
        """Return a result; an exception of the worker that is not a HarnessError is raised as it is."""
        errors = self._ray.exceptions
        try:
            return self._ray.get(ticket)
        except errors.RayActorError as error:
            unreachable = isinstance(error, errors.ActorUnavailableError)  # its node is, too, or it would be dead
            raise WorkerLostError(_why(error), with_node=unreachable or _with_node(error)) from None
        except (errors.ObjectLostError, errors.OwnerDiedError, errors.ObjectFetchTimedOutError) as error:
            raise AnswerLostError(str(error)) from None
        except errors.RayTaskError as error:
            if isinstance(error.cause, (errors.ObjectLostError, errors.RayActorError)):  # of what it was handed
                raise AnswerLostError(str(error)) from None
            raise
        except errors.OutOfMemoryError as error:
            raise WorkerLostError(first_line(error)) from None
        except errors.RaySystemError as error:
            raise DeviceError(f"the Ray cluster failed ({first_line(error)}); continue with --resume") from None

    def end(self, worker: Any) -> None:
        """Kill an actor."""
        with contextlib.suppress(Exception):  # it may be gone already, or the cluster itself
            self._ray.kill(worker)


def _with_node(error: BaseException) -> bool:
    text = str(error)
    return "node" in text and bool(
        re.search(r"node (has |was |is )?(died|dead|removed|terminated|marked dead)|node died", text)
    )


def _why(error: BaseException) -> str:
    """Return why an actor died, from Ray's page of text."""
    text = str(error)
    if "OOM" in text or ("memory" in text.lower() and "killed" in text.lower()):
        return "its node ran out of memory, and Ray ended it"
    if found := re.search(r"exit type: ?([A-Z_]+)", text, re.IGNORECASE):
        detail = re.search(r"[Ee]xit [Dd]etail:? ?(.{0,200})", text)
        return f"its process ended ({found[1]}{': ' + detail[1].strip() if detail else ''})"
    return f"its process ended ({first_line(error)})"
