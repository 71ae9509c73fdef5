"""Measurements of several processes in turns: threads and switches of a framework belong to a whole process.

Not a test: used by `tests.backends.speed` and `tests.backends.settings`.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from harness.backends.base import ModelSpec, Pixels, Probabilities
from harness.backends.opening import open_backend

Infer = Callable[[Pixels], Probabilities]
Opened = Callable[..., Infer]  # a function of a module, which each process imports


@dataclass
class Turns:
    """A process that waits for its turns, with the predictions of its first run and the seconds of the others."""

    predictions: Probabilities
    _connection: Connection
    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def take(self) -> None:
        """Run once more and keep the seconds."""
        self._connection.send(True)
        wall, processor = self._connection.recv()
        self.wall.append(wall)
        self.processor.append(processor)


def of_backend(backend: str, spec: ModelSpec) -> Infer:
    """Open a model by a backend, for as long as the process lives."""
    return open_backend(backend, spec).__enter__().infer


@contextmanager
def turns(opened: Opened, arguments: Sequence[Any], pixels: Pixels, **environment: str) -> Iterator[Turns]:
    """Open something in a process of its own, under an environment, and let it take turns."""
    spawning = multiprocessing.get_context("spawn")
    here, there = spawning.Pipe()
    process = spawning.Process(target=_serve, args=(there, opened, arguments, pixels, environment), daemon=True)
    process.start()
    there.close()
    try:
        yield Turns(here.recv(), here)
    finally:
        here.close()
        process.join()


def in_turns(both: Sequence[Turns], rounds: int) -> None:
    """Let each process have ``rounds`` turns, in a random order in each round."""
    for _ in range(rounds):
        for each in random.sample(both, len(both)):
            each.take()


def _serve(
    connection: Connection, opened: Opened, arguments: Sequence[Any], pixels: Pixels, environment: Mapping[str, str]
) -> None:
    os.environ.update(environment)
    infer = opened(*arguments)
    connection.send(np.array(infer(pixels)))
    try:
        while connection.recv():
            wall, processor = time.perf_counter(), time.process_time()
            infer(pixels)
            connection.send((time.perf_counter() - wall, time.process_time() - processor))
    except EOFError:
        pass
