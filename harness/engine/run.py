"""One validation while it runs: its state, and the record that it leaves, finished or not."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness import __version__
from harness.backends.base import Loaded
from harness.backends.registry import backends
from harness.config import Config, Preprocess
from harness.dataset.image_set import ImageSet
from harness.engine.identity import PlannedModel, pixel_libraries, switches
from harness.engine.lane import Lane
from harness.engine.shard import Models
from harness.judging.certifying import Certifying
from harness.judging.evaluation import EvaluatedModel, Evaluation, ImageFacts, Judgement
from harness.judging.judge import judge, unfinished
from harness.machine.digests import file_sha256
from harness.machine.environment import describe
from harness.record.schema import DiagnosisPart, RunRecord, StabilityPart, Status, YardstickPart
from harness.record.shard_table import Failure, ShardTable
from harness.record.store import write_predictions, write_record


@dataclass(frozen=True)
class Options:
    """Settings of a run that are not part of the configuration, as the command line gives them.

    ``limit``: evaluate only the first images; ``out``: the run's folder; ``reports``: the folder in which one is
    created if ``out`` is None; ``resume``: continue the run in ``out`` (or the latest of this name); ``quiet``: show
    no progress; ``certify_pp``: stop as soon as the Top-1 drop is proven within or above this many percentage points;
    ``parity_only``: judge only that gate; ``speed``: measure the speed of the candidates that may ship afterwards,
    each alone; ``engine``: `local` or `ray`, None for the configured one; ``pixels``: a folder that keeps decoded
    images for other runs of the same images, up to ``pixels_gb`` gigabytes.
    """

    limit: int | None = None
    out: Path | None = None
    reports: Path = Path("reports")
    resume: bool = False
    use_cache: bool = True
    quiet: bool = False
    certify_pp: float | None = None
    parity_only: bool = False
    speed: bool = False
    engine: str | None = None
    pixels: Path | None = None
    pixels_gb: float = 20.0
    command: tuple[str, ...] = ()


@dataclass
class Run:
    """State of one validation while it runs.

    ``planned``, ``models``: the models, the reference first; ``failures``: those that no longer take part.
    """

    config: Config
    options: Options
    folder: Path
    planned: Sequence[PlannedModel]
    models: Models
    started: str
    started_at: float
    tables: list[ShardTable] = field(default_factory=list)
    bad: dict[int, str] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    timing: dict[str, float | None] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    certifying: Certifying | None = None
    stability: tuple[StabilityPart, ...] = ()
    yardsticks: tuple[YardstickPart, ...] = ()

    def preprocess_of(self, lane: Lane) -> Preprocess:
        """Return how a model's images are preprocessed: its own way, or that of the image set."""
        return lane.preprocess or self.config.dataset.preprocess

    @property
    def images(self) -> ImageSet:
        """The rows that are evaluated, in order."""
        return self.models.images

    @property
    def reference(self) -> str | None:
        """The reference's id; None if there is none."""
        return self.config.reference.id if self.config.reference else None

    @property
    def candidates(self) -> list[str]:
        """Every candidate's id."""
        return [item.id for item in self.config.candidates]

    @property
    def unavailable(self) -> dict[str, Failure]:
        """Optional candidates whose device is absent."""
        return {model: failure for model, failure in self.failures.items() if failure.unavailable}

    def is_whole(self, table: ShardTable) -> bool:
        """Return whether a table has every model that takes part; a candidate without a device is missing from none."""
        absent = {model for model, failure in table.failures.items() if failure.unavailable}
        if any(lane.is_loaded or lane.spec.id in self.failures for lane in self.models.lanes):
            absent = set()  # what is there today was found out by loading
        wanted = {model.id for model in self.config.models} - absent - set(self.failures)
        return wanted <= set(table.outcomes)

    def reported(self, lane: Lane) -> Loaded | None:
        """Return what a model states about itself: the last table knows of a change of device."""
        if lane.known:
            return lane.loaded
        for table in sorted(self.tables, key=lambda table: table.index, reverse=True):
            if lane.spec.id in table.reported:
                return Loaded.from_json(table.reported[lane.spec.id])
        return None


Explain = Callable[["Run", Judgement], tuple[DiagnosisPart, ...]]


Finish = Callable[["Run", Judgement], Judgement]


def write_results(run: Run, explain: Explain | None = None, finish: Finish | None = None) -> RunRecord:
    """Judge what was evaluated, write the per-image table and the finished record, and return it.

    ``explain``: looks for causes where a gate failed, with the models that are still loaded; ``finish``: adds to the
    judgement what is measured once it is known.
    """
    answered = {model for table in run.tables for model in table.outcomes}
    for table in run.tables:  # a candidate that was unavailable then, and was not needed now
        run.failures |= {
            model: failure for model, failure in table.failures.items() if failure.unavailable and model not in answered
        }
    judgement = judge(_evaluation(run))
    judgement = finish(run, judgement) if finish else judgement
    write_predictions(run.folder, judgement.predictions)
    for lane in run.models.lanes:
        reported = run.reported(lane)
        run.warnings += reported.warnings if reported else ()
    record = _record(run, judgement, "complete")
    if explain and any(gate.verdict == "fail" for gate in judgement.gates):
        record = record.model_copy(update={"diagnosis": explain(run, judgement)})
    write_record(run.folder, record)
    return record


def write_unfinished(run: Run, status: Status, code: int, message: str) -> None:
    """Write a record without verdicts: every gate says `error` with the reason."""
    write_record(run.folder, _record(run, unfinished(_evaluation(run), code, message), status, message))


def _evaluation(run: Run) -> Evaluation:
    """Return what is judged, as plain data."""
    models = tuple(
        EvaluatedModel(
            configured=item.model,
            spec=item.spec,
            sha256=item.sha256,
            bytes=item.bytes,
            reported=run.reported(lane),
            failure=run.failures.get(item.model.id),
            contract=item.prepared.contract,
        )
        for item, lane in zip(run.planned, run.models.lanes, strict=True)
    )
    live = [model.id for model in models if model.failure is None]
    return Evaluation(
        config=run.config,
        images=ImageFacts(
            run.images.form,
            run.images.listed,
            run.images.manifest,
            run.images.carried.capsule if run.images.carried else None,
            _sha256(run.config.dataset.class_names),
            {
                item.configured.id: pixel_libraries(run.config, run.config.preprocess_for(item.configured))
                for item in models
            },
        ),
        models=models,
        tables=tuple(run.tables),
        bad=dict(run.bad),
        certified=run.certifying.gates(live) if run.certifying else None,
        stability={part.model: part for part in run.stability},
        yardsticks={part.model: part for part in run.yardsticks},
    )


def _sha256(file: Path | None) -> str | None:
    """Return the digest of the class names' file; None without one, and for one that cannot be read."""
    try:
        return None if file is None else file_sha256(file)
    except OSError:
        return None


def _record(run: Run, judgement: Judgement, status: Status, error: str | None = None) -> RunRecord:
    origin = run.config.source_file
    loads = {f"load_{lane.spec.id}_seconds": lane.load_seconds for lane in run.models.lanes if lane.is_loaded}
    return RunRecord(
        harness_version=__version__,
        name=run.config.name,
        status=status,
        exit_code=judgement.exit_code,
        error=error,
        warnings=tuple(dict.fromkeys(map(run.config.shown, run.warnings))),
        started_utc=run.started,
        command=run.options.command,
        config_file=str(origin) if origin else None,
        config=run.config.resolved(),
        environment=describe(origin.parent if origin else Path.cwd(), _distributions(), switches()),
        dataset=judgement.dataset,
        models=judgement.models,
        comparisons=judgement.comparisons,
        pairwise=judgement.pairwise,
        gates=judgement.gates,
        matrix=judgement.matrix,
        stability=run.stability,
        yardsticks=run.yardsticks,
        timing={"wall_seconds": time.perf_counter() - run.started_at, **loads, **run.timing},
    )


def _distributions() -> list[str]:
    """Return the distributions of all frameworks, whose versions the record names."""
    return list(dict.fromkeys(name for facts in backends().values() for name in facts.distributions))


def process_age() -> float:
    """Return the seconds since this process started, so that times count from there; 0 where that is unknown."""
    if not sys.platform.startswith("linux"):
        return 0.0
    try:
        ticks = int(Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
        uptime = float(Path("/proc/uptime").read_text(encoding="utf-8").split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0
    return max(0.0, uptime - ticks / os.sysconf("SC_CLK_TCK"))
