"""Each stage alone, with all cores: core-seconds per image, and the bound on images per second that follows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import median
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


@dataclass(frozen=True)
class Costs:
    """What `decode`, `resize` and each lane, by its id, cost an image when they run alone.

    ``measured``: by stage, for each measurement core-seconds an image, t * cores for a stage that runs for t seconds on
    all cores, and the processor seconds an image that it used, which other processes disturb less.
    """

    measured: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, stage: str, seconds: Sequence[tuple[float, float]], images: int, cores: int) -> None:
        """Add the wall and processor seconds of each measurement of a number of images."""
        self.measured[stage] = [(wall * cores / images, processor / images) for wall, processor in seconds]

    def with_those_of(self, other: Costs) -> Costs:
        """Return the measurements of both."""
        stages = {**self.measured, **other.measured}
        return Costs({each: [*self.measured.get(each, ()), *other.measured.get(each, ())] for each in stages})

    @property
    def core(self) -> dict[str, float]:
        """The least core-seconds of each stage: other work of the machine can only add to it."""
        return {stage: min(wall for wall, _ in all_) for stage, all_ in self.measured.items()}

    @property
    def usual_core(self) -> dict[str, float]:
        """The median core-seconds of each stage: what the machine did on average, while its speed changed."""
        return {stage: median(wall for wall, _ in all_) for stage, all_ in self.measured.items()}

    @property
    def processor(self) -> dict[str, float]:
        """The least processor seconds of each stage."""
        return {stage: min(processor for _, processor in all_) for stage, all_ in self.measured.items()}

    @property
    def usual_processor(self) -> dict[str, float]:
        """The median processor seconds of each stage."""
        return {stage: median(processor for _, processor in all_) for stage, all_ in self.measured.items()}


def stage_costs(images: ImageSet, preprocess: Preprocess, lanes: Sequence[Lane], cores: int) -> Costs:
    """Return what each stage costs, measured alone. Reading the file counts as decoding."""
    rows = [row % len(images.manifest) for row in range(_DECODE_IMAGES)]

    library, exif = preprocess.decoding

    def decoded(row: int) -> Decoded:
        return decode_with(library, images.read(row), exif=exif)

    def resized(image: Decoded) -> Pixels:
        return run_steps(image, preprocess)

    with ThreadPoolExecutor(cores) as pool:
        costs = Costs()
        costs.add("decode", _repeated(lambda: list(pool.map(decoded, rows, chunksize=8))), len(rows), cores)
        kept = [decoded(row) for row in rows[:_KEPT_IMAGES]]
        many = kept * (_DECODE_IMAGES // _KEPT_IMAGES)
        costs.add("resize", _repeated(lambda: [None for _ in pool.map(resized, many, chunksize=8)]), len(many), cores)
    element = np.float32 if preprocess.is_float else np.uint8
    pixels = np.resize(
        np.stack([resized(image) for image in kept]).astype(element), (_MODEL_IMAGES, *preprocess.output_size, 3)
    )
    for lane in lanes:
        lane.infer_alone(pixels[:64])
        seconds = _repeated(lambda lane=lane: lane.infer_alone(pixels))  # type: ignore[misc]
        costs.add(lane.spec.id, seconds, len(pixels), cores)
    return costs


def bound(costs: dict[str, float], stages: Sequence[str], cores: int) -> float:
    """Return the most images per second that ``cores`` cores can do when every stage costs what it costs alone."""
    return cores / sum(costs[stage] for stage in stages)


def _repeated(work: Callable[[], Any]) -> list[tuple[float, float]]:
    """Return the seconds, of the clock and of the processors, of a few runs."""
    seconds = []
    for _ in range(_REPEATS):
        start, used = time.perf_counter(), time.process_time()
        work()
        seconds.append((time.perf_counter() - start, time.process_time() - used))
    return seconds
