"""Each stage alone, with all cores: core-seconds per image, and the bound on images per second that follows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.config import Preprocess
from harness.dataset.image import central_crop, decode, resize
from harness.dataset.image_set import ImageSet
from harness.engine.lane import Lane

_MODEL_IMAGES = 512
_DECODE_IMAGES = 600


def stage_costs(images: ImageSet, preprocess: Preprocess, lanes: Sequence[Lane], cores: int) -> dict[str, float]:
    """Return core-seconds per image of `decode`, `resize` and each loaded lane by its id, each measured alone.

    Reading the file counts as decoding. A stage that runs for t seconds on all ``cores`` costs t * cores core-seconds.
    """
    rows = [row % len(images.manifest) for row in range(_DECODE_IMAGES)]
    with ThreadPoolExecutor(cores) as pool:
        seconds, decoded = _timed(lambda: list(pool.map(lambda row: decode(images.read(row)), rows, chunksize=8)))
        costs = {"decode": seconds * cores / len(rows)}

        def resized(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
            return resize(central_crop(image, preprocess.crop_fraction), preprocess.size, preprocess.interpolation)

        seconds, ready = _timed(lambda: list(pool.map(resized, decoded, chunksize=8)))
        costs["resize"] = seconds * cores / len(rows)
    pixels = np.stack(ready[:_MODEL_IMAGES])
    for lane in lanes:
        lane.infer_alone(pixels[:64])
        seconds, _ = _timed(lambda lane=lane: lane.infer_alone(pixels))  # type: ignore[misc]
        costs[lane.spec.id] = seconds * cores / len(pixels)
    return costs


def bound(costs: dict[str, float], stages: Sequence[str], cores: int) -> float:
    """Return the most images per second that ``cores`` cores can do when every stage costs what it costs alone."""
    return cores / sum(costs[stage] for stage in stages)


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result
