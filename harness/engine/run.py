"""One validation while it runs: its state, and the record that it leaves, finished or not."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import __version__
from harness.config import Config
from harness.dataset.image_set import ImageSet
from harness.engine.assemble import Results
from harness.engine.lane import Lane
from harness.engine.plan import PlannedModel
from harness.errors import EXIT_INTERRUPTED
from harness.judging.baseline import baseline_gates
from harness.judging.certifying import Certifying, answered
from harness.judging.gates import errors_for, exit_code
from harness.judging.tradeoff import compare_candidates
from harness.machine.environment import describe
from harness.record.schema import DatasetPart, GatePart, ModelPart, RunRecord, Status
from harness.record.shard_table import ShardTable
from harness.record.store import write_predictions, write_record


@dataclass(frozen=True)
class Options:
    """What the command line adds to a configuration.

    ``limit``: only the first images; ``out``: the run's own folder; ``reports``: where a folder is made without it;
    ``resume``: go on with the run in ``out`` (without it: the latest of this name); ``quiet``: no progress;
    ``certify_pp``: stop as soon as the Top-1 drop is proven within or beyond so many pp; ``engine``: what evaluates the
    shards.
    """

    limit: int | None = None
    out: Path | None = None
    reports: Path = Path("reports")
    resume: bool = False
    use_cache: bool = True
    quiet: bool = False
    certify_pp: float | None = None
    engine: str = "local"
    command: tuple[str, ...] = ()


@dataclass
class Run:
    """State of one validation while it runs."""

    config: Config
    options: Options
    folder: Path
    images: ImageSet
    planned: list[PlannedModel]
    lanes: list[Lane]
    started: str
    started_at: float
    tables: list[ShardTable] = field(default_factory=list)
    bad: dict[int, str] = field(default_factory=dict)
    timing: dict[str, float | None] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    contracts: dict[str, dict[str, Any]] = field(default_factory=dict)
    certifying: Certifying | None = None


def write_results(run: Run) -> RunRecord:
    """Judge what was evaluated, write the per-image table and the finished record, and return it."""
    results = Results(run.config, run.images, run.planned, run.lanes, run.tables, run.bad)
    gates = results.gates()
    if run.certifying:
        gates = _certified(run.certifying, gates, results)
    write_predictions(run.folder, results.predictions())
    for lane in run.lanes:
        run.warnings += lane.loaded.warnings if lane.known else ()
    record = _record(run, results.dataset()).model_copy(
        update={
            "status": "complete",
            "exit_code": exit_code(gates, evaluated=results.good),
            "models": _models(run, results),
            "comparisons": results.comparisons(),
            "pairwise": results.pairwise(),
            "gates": gates,
        }
    )
    if against := baseline_gates(record, run.config):
        gates = (*gates, *against)
        record = record.model_copy(update={"gates": gates, "exit_code": exit_code(gates, evaluated=results.good)})
    matrix = compare_candidates(record.models, record.comparisons, gates)
    record = record.model_copy(update={"matrix": matrix})
    write_record(run.folder, record)
    return record


def _certified(certifying: Certifying, gates: tuple[GatePart, ...], results: Results) -> tuple[GatePart, ...]:
    """Put the gate certify beside each drop, which it answers for as long as not the whole set was seen."""
    parts: list[GatePart] = []
    whole = len(results.rows) == results.whole_set
    for part in gates:
        is_drop = part.gate == "drop" and part.model in results.outcomes
        on = part.verdict not in ("error", "not_applicable")
        parts.append(answered(part) if is_drop and on and not whole else part)
        if is_drop:
            parts.append(certifying.gate(part.model))
        elif part.gate == "drop":  # its candidate failed or is unavailable, and so is this gate
            parts.append(part.model_copy(update={"gate": "certify"}))
    return tuple(parts)


def write_unfinished(run: Run, status: Status, code: int, message: str) -> None:
    """Write a record without verdicts: every gate says `error` with the reason."""
    results = Results(run.config, run.images, run.planned, run.lanes, run.tables, run.bad)
    ids = [item.model.id for item in run.planned]
    candidates = [item.id for item in run.config.candidates]
    record = _record(run, results.dataset()).model_copy(
        update={
            "status": status,
            "exit_code": code,
            "error": message,
            "models": _models(run, results),
            "gates": tuple(errors_for(ids, candidates, message.splitlines()[0])),
        }
    )
    write_record(run.folder, record)


def _models(run: Run, results: Results) -> tuple[ModelPart, ...]:
    """Return the models with what their IRs say of themselves."""
    return tuple(
        part.model_copy(update={"details": {**part.details, "contract": run.contracts[part.id]}})
        if part.id in run.contracts
        else part
        for part in results.models()
    )


def _record(run: Run, dataset: DatasetPart) -> RunRecord:
    origin = run.config.source_file
    loads = {f"load_{lane.spec.id}_seconds": lane.load_seconds for lane in run.lanes if lane.is_loaded}
    return RunRecord(
        harness_version=__version__,
        name=run.config.name,
        status="incomplete",
        exit_code=EXIT_INTERRUPTED,
        warnings=tuple(dict.fromkeys(run.warnings)),
        started_utc=run.started,
        command=run.options.command,
        config_file=str(origin) if origin else None,
        config=run.config.resolved(),
        environment=describe(origin.parent if origin else Path.cwd()),
        dataset=dataset,
        timing={"wall_seconds": time.perf_counter() - run.started_at, **loads, **run.timing},
    )


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
