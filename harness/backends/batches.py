"""Batches: a fixed batch size is filled by repeating the last image, a free one takes what is left."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from harness.backends.base import Pixels, Probabilities

_BATCH = 8  # images: larger batches are not faster where they run side by side, and need more memory
_IN_WORK = 32  # images in all batches together, as long as there are no more threads than that
_SHARD = 256  # images in one call of a model, as a rule
_USED = 0.75  # share of the threads that must have work


def default_batch(threads: int) -> int:
    """Return how many images a batch has where neither file nor configuration says it: 8, 4, 2 or 1.

    With many threads batches are smaller, so that no more images are in memory than in one batch of a usual size. A
    power of two divides the number of images that are evaluated first.
    """
    most = max(1, min(_BATCH, _IN_WORK // threads))
    return 1 << (most.bit_length() - 1)


@dataclass(frozen=True)
class SideBySide:
    """How the threads of a model are used: ``runs`` batches at a time, each with ``threads`` threads.

    Frameworks share the work of one operation among threads, and all wait for the slowest of them before the next one.
    Batches that run side by side, each in one thread, wait for nothing.
    """

    runs: int
    threads: int

    @classmethod
    def of(cls, threads: int, batch: int, most: int | None = None) -> Self:
        """Return the best use of a number of threads: one thread per batch, where there are enough batches.

        ``most``: the largest number of runs; None: no limit. Where the threads cannot be shared out evenly, at least
        three of four have work.
        """
        limit = max(1, min(threads, -(-_SHARD // batch), most or threads))
        runs = next(runs for runs in range(limit, 0, -1) if runs * (threads // runs) >= _USED * threads)
        return cls(runs, threads // runs)

    @property
    def total(self) -> int:
        """The number of threads that have work."""
        return self.runs * self.threads


def in_batches(
    pixels: Pixels, batch: int, *, fixed: bool, latencies: list[float] | None = None
) -> Iterator[tuple[int, int, Pixels]]:
    """Yield (start, count, part) for uint8 (n, h, w, 3) pixels: ``count`` rows from ``start`` on are meant.

    ``fixed``: every part has ``batch`` rows, the last one's missing rows being copies of its last. ``latencies`` gets
    the milliseconds that the caller took for each part.
    """
    for start in range(0, len(pixels), batch):
        part = pixels[start : start + batch]
        count = len(part)
        if fixed and count < batch:
            part = np.concatenate([part, np.repeat(part[-1:], batch - count, axis=0)])
        begin = time.perf_counter()
        yield start, count, part
        if latencies is not None:
            latencies.append(1000 * (time.perf_counter() - begin))


def each_batch(
    infer: Callable[[int, int, Pixels], None],
    pixels: Pixels,
    batch: int,
    *,
    fixed: bool,
    runs: int,
    latencies: list[float] | None = None,
) -> None:
    """Call ``infer`` with what ``in_batches`` yields, ``runs`` batches at a time, in threads that end with this call.

    ``latencies`` gets the milliseconds of each batch. Raises the first error of ``infer``; no new batch starts after an
    error, nor after an interrupt of the calling thread.
    """
    parts, lock = in_batches(pixels, batch, fixed=fixed), threading.Lock()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while not errors:
                with lock:
                    part = next(parts, None)
                if part is None:
                    return
                begin = time.perf_counter()
                infer(*part)
                if latencies is not None:
                    latencies.append(1000 * (time.perf_counter() - begin))
        except BaseException as error:  # noqa: BLE001  (the calling thread raises it)
            errors.append(error)

    helpers = []
    try:
        for _ in range(1, min(runs, -(-len(pixels) // batch))):
            helper = threading.Thread(target=work, name="batch", daemon=True)
            with contextlib.suppress(RuntimeError):  # no more threads are allowed: those that started do the work
                helper.start()
                helpers.append(helper)
        work()
        for helper in helpers:
            helper.join()
    except BaseException as error:  # noqa: BLE001  (raised below)
        errors.insert(0, error)
    for helper in helpers:
        helper.join()  # also after an interrupt: what they use must not be freed before
    if errors:
        try:
            raise errors[0]
        finally:
            errors.clear()  # else the traceback keeps its own frame, with all its variables


def rows_of_each_batch(
    infer: Callable[[Pixels], Probabilities],
    pixels: Pixels,
    batch: int,
    outputs: int,
    *,
    fixed: bool,
    runs: int,
    latencies: list[float],
) -> Probabilities:
    """Return what ``infer`` gives for each batch, float32 (n, outputs), ``runs`` batches at a time (``each_batch``)."""
    result = np.empty((len(pixels), outputs), np.float32)

    def keep(start: int, count: int, part: Pixels) -> None:
        result[start : start + count] = infer(part)[:count]

    each_batch(keep, pixels, batch, fixed=fixed, runs=runs, latencies=latencies)
    return result
