"""Speed of the finalists, measured after the evaluation: one model infers at a time, nothing is decoded meanwhile."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.backends.base import Backend, Pixels
from harness.engine.lane import Lane
from harness.engine.run import Run
from harness.errors import DeviceError, ModelError
from harness.feeding.decode import Decoder
from harness.judging.evaluation import Judgement
from harness.judging.tradeoff import compare_candidates, standing
from harness.machine.environment import cores
from harness.metrics.statistics import median_interval
from harness.record.schema import Measured, SpeedPart

ROUNDS = 9  # the second and the eighth of nine hold the median in 96 of 100 series
IMAGES = 64
_SECONDS = 0.4  # of throughput in a round
_REQUESTS = 32  # one after the other in a round
_MOST = 200  # times that the images are inferred in a round


@dataclass
class _Series:
    """One finalist: its loaded model, its pixels, and what each round gave."""

    lane: Lane
    backend: Backend
    pixels: Pixels
    repeats: int = 1
    rates: list[float] = field(default_factory=list)
    medians: list[float] = field(default_factory=list)
    highs: list[float] = field(default_factory=list)


def finalists(judgement: Judgement) -> list[str]:
    """Return the candidates that may ship; where none may, all that were evaluated."""
    evaluated = [part.id for part in judgement.models if part.role == "candidate" and part.status == "ok"]
    ships = [name for name in evaluated if standing(name, judgement.models, judgement.gates) == "ships"]
    return ships or evaluated


def with_speeds(run: Run, judgement: Judgement) -> Judgement:
    """Return a judgement whose finalists have their speed measured alone, and whose matrix goes by it."""
    start = time.perf_counter()
    found = measure_speeds(run, finalists(judgement))
    run.timing["speed_seconds"] = time.perf_counter() - start
    models = tuple(part.model_copy(update={"speed": found.get(part.id)}) for part in judgement.models)
    matrix = judgement.matrix and compare_candidates(models, judgement.comparisons, judgement.gates)
    return dataclasses.replace(judgement, models=models, matrix=matrix)


def measure_speeds(run: Run, names: Sequence[str]) -> Mapping[str, SpeedPart]:
    """Return the speed of each finalist by its id: ``ROUNDS`` rounds in which they take turns, another one first each.

    One that fails meanwhile has none, and the run's warnings say so.
    """
    series = [found for name in names if (found := _opened(run, name)) is not None]
    for number in range(ROUNDS):
        start = number % max(1, len(series))
        for item in [*series[start:], *series[:start]]:
            if len(item.rates) == number:
                _tried(run, item.lane, lambda item=item: _round(item))  # type: ignore[misc]
    return {item.lane.spec.id: _part(item) for item in series if len(item.rates) == ROUNDS}


def _opened(run: Run, name: str) -> _Series | None:
    """Return a finalist ready to be measured: loaded, its first images decoded, and warm."""
    lane = next(lane for lane in run.models.lanes if lane.spec.id == name)
    rows = range(min(IMAGES, sum(len(table.rows) for table in run.tables)))
    with Decoder(run.images, run.preprocess_of(lane), threads=cores()) as decoder:
        (decoded,) = decoder.shards([(0, rows)])
    pixels = decoded.pixels[decoded.good]
    if not len(pixels):
        return None
    series: list[_Series] = []

    def warm() -> None:
        backend = lane.load()
        together = backend.loaded.count("batch") * backend.loaded.count("streams")
        # Repeated, so that each of the batches that are computed at the same time has its images.
        enough = np.resize(pixels, (-(-len(pixels) // together) * together, *pixels.shape[1:]))
        backend.infer(enough)
        backend.infer(enough)
        seconds = max(backend.infer_seconds, 1e-6)
        series.append(_Series(lane, backend, enough, min(_MOST, max(1, math.ceil(_SECONDS / seconds)))))

    _tried(run, lane, warm)
    return series[0] if series else None


def _tried(run: Run, lane: Lane, done: Callable[[], None]) -> None:
    try:
        done()
    except (ModelError, DeviceError) as error:
        run.warnings.append(f"{lane.spec.id}: its speed was not measured: {error}")


def _round(item: _Series) -> None:
    """Measure throughput with as many requests as the backend keeps in flight, then latency, one request at a time."""
    seconds = 0.0
    for _ in range(item.repeats):
        item.backend.infer(item.pixels)
        seconds += item.backend.infer_seconds
    item.backend.take_latencies()
    size = item.backend.loaded.count("batch")
    latencies: list[float] = []
    for number in range(_REQUESTS):
        start = number * size % len(item.pixels)
        part = item.pixels[start : start + size]
        item.backend.infer(part)
        latencies += item.backend.take_latencies() or [1000 * item.backend.infer_seconds]
    median, high = np.percentile(latencies, [50, 95])
    item.medians.append(float(median))
    item.highs.append(float(high))
    item.rates.append(item.repeats * len(item.pixels) / max(seconds, 1e-9))


def _part(item: _Series) -> SpeedPart:
    return SpeedPart(
        rounds=ROUNDS,
        images=item.repeats * len(item.pixels),
        images_per_second=_measured(item.rates),
        latency_median_ms=_measured(item.medians),
        latency_percentile95_ms=_measured(item.highs),
    )


def _measured(values: Sequence[float]) -> Measured:
    median, low, high = median_interval(values)
    return Measured(median=median, ci95=(low, high))
