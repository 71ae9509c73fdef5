"""Each stage alone, with all cores: core-seconds per image, and the bound on images per second that follows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from harness.config import Preprocess
from harness.dataset.image_set import ImageSet
from harness.engine.lane import Lane
from harness.feeding.pipeline import Decoded, decode_with, run_steps
from harness.feeding.steps import Pixels

_MODEL_IMAGES = 256
_DECODE_IMAGES = 600
_KEPT_IMAGES = 64
_REPEATS = 3


def stage_costs(images: ImageSet, preprocess: Preprocess, lanes: Sequence[Lane], cores: int) -> dict[str, float]:
    """Return core-seconds per image of `decode`, `resize` and each lane by its id, each measured alone.

    Reading the file counts as decoding. A stage that runs for t seconds on all ``cores`` costs t * cores core-seconds.
    Of three measurements the cheapest counts: whatever else the machine did meanwhile only ever adds.
    """
    rows = [row % len(images.manifest) for row in range(_DECODE_IMAGES)]

    library, exif = preprocess.decoding

    def decoded(row: int) -> Decoded:
        return decode_with(library, images.read(row), exif=exif)

    def resized(image: Decoded) -> Pixels:
        return run_steps(image, preprocess)

    with ThreadPoolExecutor(cores) as pool:
        seconds = _best(lambda: list(pool.map(decoded, rows, chunksize=8)))
        costs = {"decode": seconds * cores / len(rows)}
        kept = [decoded(row) for row in rows[:_KEPT_IMAGES]]
        many = kept * (_DECODE_IMAGES // _KEPT_IMAGES)
        seconds = _best(lambda: [None for _ in pool.map(resized, many, chunksize=8)])
        costs["resize"] = seconds * cores / len(many)
    element = np.float32 if preprocess.is_float else np.uint8
    pixels = np.resize(
        np.stack([resized(image) for image in kept]).astype(element), (_MODEL_IMAGES, *preprocess.output_size, 3)
    )
    for lane in lanes:
        lane.infer_alone(pixels[:64])
        costs[lane.spec.id] = _best(lambda lane=lane: lane.infer_alone(pixels)) * cores / len(pixels)  # type: ignore[misc]
    return costs


def bound(costs: dict[str, float], stages: Sequence[str], cores: int) -> float:
    """Return the most images per second that ``cores`` cores can do when every stage costs what it costs alone."""
    return cores / sum(costs[stage] for stage in stages)


def _best(work: Callable[[], Any]) -> float:
    """Return the seconds of the fastest of a few runs."""
    seconds = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
