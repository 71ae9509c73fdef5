"""Batches: a fixed batch size is filled by repeating the last image, a free one takes what is left."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from harness.backends.base import Pixels


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
