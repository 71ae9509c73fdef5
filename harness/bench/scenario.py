"""One scenario in a separate process: start-up, stages alone, the pipeline, the stages again, peak memory."""

from __future__ import annotations

import dataclasses
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from harness.backends.registry import facts_of, load_target
from harness.bench.repeated import repeated
from harness.bench.stages import Costs, bound, stage_costs
from harness.config import Config
from harness.dataset.image_set import open_image_set
from harness.disk.leftovers import temporary_folder
from harness.engine.fetched import fetched
from harness.engine.identity import plan_models, task_for
from harness.engine.lane import Lane
from harness.engine.local import LocalEngine
from harness.engine.run import process_age
from harness.engine.run_folder import RunFolder
from harness.engine.shard import Models
from harness.engine.task import ShardTask, Work
from harness.machine.environment import cores

SCENARIOS = ("both models", "IR with cached reference", "three candidates")


@dataclass(frozen=True)
class Passed:
    """One pass of the pipeline: wall and processor seconds, and the stages as measured just before and after it."""

    seconds: float
    processor: float
    costs: Costs


def run_scenario(
    config: Config,
    name: str,
    rows: int,
    *,
    turns: bool = True,
    stages: bool = True,
    candidates: int = 1,
    rounds: int = 1,
) -> dict[str, Any]:
    """Run one scenario on ``rows`` images and return its figures (seconds, images per second, bytes).

    The stages are measured before and after each pass of the pipeline. The cheapest measurement of each makes the
    bound, the hardest one to reach; the medians make the usual bound, which a machine whose speed changes allows on
    average. ``stages`` off: only the pipeline, for its memory. ``candidates``: how many times the first one, next to a
    cached reference. ``rounds``: passes of the pipeline; the figures are their medians.
    """
    started = time.perf_counter() - process_age()
    startup = {"imports_before_models_seconds": time.perf_counter() - started}
    lanes, with_cache = _lanes(config, name, candidates)
    with temporary_folder("bench") as folder:
        if with_cache:
            config = config.model_copy(update={"cache": config.cache.model_copy(update={"folder": folder / "cache"})})
            lanes, _ = _lanes(config, name, candidates)
        startup |= _load(lanes)
        config = fetched(config)
        images = repeated(open_image_set(config.dataset), rows)
        count = cores()
        engine = LocalEngine(Models(images, lanes, in_turns=turns), threads=count)
        work = Work(config.dataset, None, None, images.manifest.fingerprint(), ())
        shards = [ShardTask(index, shard, work) for index, shard in enumerate(images.manifest.shards())]
        if with_cache:
            for _ in engine.run(shards):
                pass
        else:
            first = time.perf_counter()
            next(iter(engine.run([ShardTask(0, range(min(32, rows)), work)])))
            startup["first_result_seconds"] = time.perf_counter() - first
        costs = [stage_costs(images, config.dataset.preprocess, lanes, count) if stages else Costs()]
        passes: list[Passed] = []
        for number in range(rounds):
            with RunFolder(folder / f"run-{number}") as run_folder:
                start, processor = time.perf_counter(), time.process_time()
                for table in engine.run(shards):
                    run_folder.save(table)
                seconds, processor = time.perf_counter() - start, time.process_time() - processor
            costs.append(stage_costs(images, config.dataset.preprocess, lanes, count) if stages else Costs())
            passes.append(Passed(seconds, processor, costs[-2].with_those_of(costs[-1])))
    used = ["decode", "resize", *(lane.spec.id for lane in (lanes[1:] if with_cache else lanes))]
    for lane in lanes:
        lane.close()
    return {
        "scenario": name,
        "images": rows,
        "cores": count,
        **figures(passes, used, rows, count),
        "peak_memory_bytes": _peak_memory(),
        "startup": startup,
    }


def figures(passes: Sequence[Passed], used: Sequence[str], rows: int, cores: int) -> dict[str, Any]:
    """Return medians of all passes; each one's ratios are to the bounds by the stages just before and after it.

    ``rounds``: each pass's own figures. Bounds and ratios are None where no stage was measured.
    """
    rounds = []
    for passed in passes:
        strict, usual = (
            bound(costs, used, cores) if costs else None for costs in (passed.costs.core, passed.costs.usual_core)
        )
        speed = rows / passed.seconds
        rounds.append(
            {
                "achieved_images_per_second": speed,
                "bound_images_per_second": strict,
                "ratio": speed / strict if strict else None,
                "usual_bound_images_per_second": usual,
                "usual_ratio": speed / usual if usual else None,
                "pipeline_seconds": passed.seconds,
                "pipeline_processor_seconds_per_image": passed.processor / rows,
            }
        )
    return {
        "core_seconds_per_image": _of([passed.costs.core for passed in passes], used),
        "usual_core_seconds_per_image": _of([passed.costs.usual_core for passed in passes], used),
        "processor_seconds_per_image": _of([passed.costs.processor for passed in passes], used),
        "usual_processor_seconds_per_image": _of([passed.costs.usual_processor for passed in passes], used),
        **{key: _median([each[key] for each in rounds]) for key in rounds[0]},
        "rounds": rounds,
    }


def _median(numbers: Sequence[float | None]) -> float | None:
    found = [number for number in numbers if number is not None]
    return median(found) if found else None


def _of(costs: Sequence[dict[str, float]], stages: Sequence[str]) -> dict[str, float]:
    """Return for each stage the median of what the passes say."""
    return {stage: median(each[stage] for each in costs) for stage in stages if stage in costs[0]}


def _lanes(config: Config, name: str, candidates: int) -> tuple[list[Lane], bool]:
    planned = plan_models(config, use_cache=False)
    with_cache = name == SCENARIOS[1]
    lanes = [task_for(config, item, use_cache=with_cache and not at).lane() for at, item in enumerate(planned[:2])]
    if name != SCENARIOS[0]:
        for number in range(2, 1 + (3 if name == SCENARIOS[2] else candidates)):
            spec = dataclasses.replace(planned[1].spec, id=f"{planned[1].spec.id}-{number}")
            lanes.append(Lane(spec, planned[1].model.backend, "candidate"))
    return lanes, with_cache


def _load(lanes: list[Lane]) -> dict[str, float]:
    """Import the frameworks and load the models one after the other, and return the seconds of each."""
    seconds = {}
    for name in dict.fromkeys(lane.backend for lane in lanes):
        importer = facts_of(name).importer
        if importer:
            start = time.perf_counter()
            load_target(importer)()
            seconds[f"import_{name}_seconds"] = time.perf_counter() - start
    for lane in lanes:
        lane.load()
        seconds[f"load_{lane.spec.id}_seconds"] = lane.load_seconds
    return seconds


def _peak_memory() -> int:
    """Return the largest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
