"""Batches: a fixed batch size is filled by repeating the last image, a free one takes what is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from harness.backends.base import Pixels

_BATCH = 8  # images: larger batches are not faster where they run side by side, and need more memory
_IN_WORK = 32  # images at most, in all batches together
_IMAGES_AT_ONCE = 256  # that a model gets as a rule


def default_batch(threads: int) -> int:
    """Return how many images a batch has where neither file nor configuration says it.

    With many threads batches are smaller, so that no more images are in memory than in one batch of a usual size.
    """
    return max(1, min(_BATCH, _IN_WORK // threads))


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

        ``most``: of runs.
        """
        runs = max(1, min(threads, -(-_IMAGES_AT_ONCE // batch), most or threads))
        return cls(runs, max(1, threads // runs))


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

    ``latencies`` gets the milliseconds of each batch. Raises the first error of ``infer``; no further batch is begun
    then.
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

    helpers = [threading.Thread(target=work, name="batch", daemon=True) for _ in range(1, _needed(pixels, batch, runs))]
    started = []
    for helper in helpers:
        try:
            helper.start()
        except RuntimeError:  # no more threads are allowed: those that there are do the work
            break
        started.append(helper)
    work()
    for helper in started:
        helper.join()
    if errors:
        try:
            raise errors[0]
        finally:
            errors.clear()  # else the traceback keeps its own frame, with all its variables


def _needed(pixels: Pixels, batch: int, runs: int) -> int:
    return min(runs, -(-len(pixels) // batch))
