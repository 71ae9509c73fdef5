"""A whole validation: from a configuration to a written record."""

from __future__ import annotations

import contextlib
import locale
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from harness.config import Config, require_files
from harness.dataset.checksums import verify_checksums
from harness.dataset.image_set import open_image_set
from harness.engine.cache import trim
from harness.engine.calibration_check import calibration_overlap
from harness.engine.label_check import refuse_suspect_labels
from harness.engine.lane import Lane
from harness.engine.local import LocalEngine
from harness.engine.plan import cache_folder, identity, lane_for, plan_models
from harness.engine.preflight import calibration_images, check_irs, prepare_irs
from harness.engine.progress import Progress
from harness.engine.resume import resumable
from harness.engine.run import Options, Run, process_age, write_results, write_unfinished
from harness.engine.run_folder import RunFolder, new_run_folder, point_latest
from harness.errors import (
    EXIT_INTERRUPTED,
    AbsentDeviceError,
    ConfigError,
    DatasetError,
    DeviceError,
    HarnessError,
    ModelError,
)
from harness.judging.certifying import STRATIFIED, Certifying, in_random_order, limited, other_limits
from harness.machine.environment import cores
from harness.record.schema import RunRecord


class InterruptedRunError(HarnessError):
    """The run was stopped by Ctrl-C; what was finished is kept."""

    exit_code = EXIT_INTERRUPTED


def validate(config: Config, options: Options | None = None) -> RunRecord:
    """Evaluate every model of a configuration and write the record.

    Returns the record; its ``exit_code`` is the verdict and ``to_pandas()`` gives the per-image table. Raises
    HarnessError where the evaluation cannot be completed: its message is the reason, and a record with the status
    `error` or `incomplete` is left in the run's folder where there is one already.
    """
    options = options or Options()
    started_at = time.perf_counter() - process_age()
    started = datetime.now(UTC).isoformat(timespec="seconds")
    require_files(config, candidates=False)
    if config.checksums:
        verify_checksums(config.checksums)
    made = prepare_irs(config, quiet=options.quiet)
    require_files(config)
    contracts, contradictions = check_irs(config)
    certify = limited(config.certify, options.certify_pp)
    config = config.model_copy(update={"certify": certify})  # the record shows limit, confidence and seed
    whole = open_image_set(config.dataset)
    images = (in_random_order(whole, certify) if certify else whole).first(options.limit)
    planned = plan_models(config, use_cache=options.use_cache)
    folder = _folder(config, options)
    with RunFolder(folder) as run_folder:
        if not options.resume:
            run_folder.refuse_used()
        run_folder.identify(identity(config, planned, images.manifest))
        apart = calibration_images(config)
        lanes = [
            lane_for(config, item, use_cache=options.use_cache, calibrated_on=apart.get(item.model.id, frozenset()))
            for item in planned
        ]
        run = Run(config, options, folder, images, planned, lanes, started, started_at, contracts=contracts)
        if certify:
            run.certifying = Certifying(config, certify, config.dataset.images or images.listed)
        run.warnings += [*made, *contradictions, *images.notes]
        if certify:
            run.warnings += other_limits(config, certify)
            run.warnings += [STRATIFIED] if config.dataset.subset and config.dataset.subset.stratified else []
        write_unfinished(run, "incomplete", EXIT_INTERRUPTED, "not finished: the process ended before the run did")
        try:
            _evaluate(run, run_folder)
            record = write_results(run)
        except KeyboardInterrupt:
            with contextlib.suppress(HarnessError):
                write_unfinished(run, "incomplete", EXIT_INTERRUPTED, "interrupted")
            done = sum(len(table.rows) for table in run.tables)
            interrupted = InterruptedRunError(
                f"interrupted after {done} of {len(images.manifest)} images; go on with: --resume --out {folder}"
            )
            interrupted.run_folder = folder
            raise interrupted from None
        except HarnessError as error:
            with contextlib.suppress(HarnessError):
                write_unfinished(run, "error", error.exit_code, str(error))
            error.run_folder = folder
            raise
        finally:
            for lane in lanes:
                lane.close()
    if folder.parent == options.reports / config.name:
        point_latest(folder)
    if options.use_cache:
        trim(cache_folder(config), int(config.cache.max_gb * 1e9))
    return record.in_folder(folder)


def _folder(config: Config, options: Options) -> Path:
    if options.out:
        return options.out
    if options.resume:
        latest = options.reports / config.name / "latest"
        runs = sorted(path.parent for path in (options.reports / config.name).glob("*/shards") if path.is_dir())
        runs = [path for path in runs if path.name != "latest"]
        if not runs:
            raise ConfigError(f"{latest.parent}: no run to resume; start one without --resume, or name it with --out")
        return runs[-1]
    return new_run_folder(options.reports, config.name)


def _evaluate(run: Run, run_folder: RunFolder) -> None:
    """Fill ``run.tables``: what is there already, then what is missing."""
    shards = list(enumerate(run.images.manifest.shards()))
    if run.options.resume:
        _load(run, run.lanes[1:])  # a table without a candidate whose device is not there is whole
        there = [lane.spec.id for lane in run.lanes if lane.failure is None]
        run.tables = resumable(run.images, run_folder, shards, there)
        _refuse_calibrated(run)
    done = {table.index for table in run.tables}
    wanted = [item for item in shards if item[0] not in done]
    if not shards:
        return
    if run.tables or wanted:
        _load_what_is_needed(run, wanted)
    policy = run.config.dataset.bad_images
    engine = LocalEngine(
        run.images,
        run.config.dataset.preprocess,
        run.lanes,
        threads=cores(),
        bad_limit=0 if policy.policy == "fail" else policy.max,
        bad={row: reason for table in run.tables for row, reason in table.bad.items()},
    )
    run.bad = engine.bad
    start = time.perf_counter()
    with Progress(len(run.images.manifest), quiet=run.options.quiet) as progress:
        decided = False
        for table in run.tables:
            refuse_suspect_labels(run.config, run.images.manifest, run.images.source, table)
            progress.add(table)
            decided = bool(run.certifying and run.certifying.take(table))
        with contextlib.closing(engine.run([] if decided else wanted)) as stream:
            for table in stream:
                refuse_suspect_labels(run.config, run.images.manifest, run.images.source, table)
                run_folder.save(table)
                run.tables.append(table)
                run.timing.setdefault("first_shard_seconds", time.perf_counter() - run.started_at)
                progress.add(table)
                if run.certifying and run.certifying.take(table):
                    run.bad = {row: reason for done in run.tables for row, reason in done.bad.items()}
                    break  # what was decoded ahead belongs to no table, and so to no record
    run.timing["stream_seconds"] = time.perf_counter() - start
    if engine.abandoned:
        raise DatasetError(_bad_images_message(run, engine.bad_limit))


def _refuse_calibrated(run: Run) -> None:
    """Leave out a candidate that was calibrated on an image of the tables that are there already."""
    rows = [row for table in run.tables for row in table.rows]
    digests = [digest for table in run.tables for digest in table.image_digests]
    for lane in run.lanes[1:]:
        lane.failure = lane.failure or calibration_overlap(lane, run.images.manifest, rows, digests)
    _stop_without_candidates(run)


def _stop_without_candidates(run: Run) -> None:
    """Raise where every candidate failed: what is wrong with each, those that had to be there first."""
    candidates = sorted(run.lanes[1:], key=lambda lane: lane.unavailable)
    failures = [lane.failure for lane in candidates if lane.failure]
    if len(failures) == len(candidates):
        told = list(dict.fromkeys(str(failure) for failure in failures))
        raise failures[0] if len(told) == 1 else type(failures[0])("\n  ".join(["no candidate can run", *told]))


def _load_what_is_needed(run: Run, wanted: Sequence[tuple[int, range]]) -> None:
    """Load the models before the first image, at the same time, except where the cache may answer for them."""
    start = time.perf_counter()
    needed = [lane for lane in run.lanes if lane.failure is None]
    if wanted or not run.tables:
        needed = [lane for lane in needed if lane.cache is None or not lane.cache.has_any()]
    _load(run, needed)
    _stop_without_candidates(run)
    run.timing["load_seconds"] = time.perf_counter() - start


def _load(run: Run, needed: Sequence[Lane]) -> None:
    """Load models at the same time; a candidate that cannot be loaded is left out with the reason."""
    with _same_locale(), ThreadPoolExecutor(len(run.lanes)) as pool:
        loading = {lane.spec.id: pool.submit(lane.load) for lane in needed}
        for lane in needed:
            try:
                loading[lane.spec.id].result()
            except (ModelError, DeviceError) as error:
                if lane is run.lanes[0]:
                    raise
                lane.failure, lane.unavailable = error, _allowed_to_be_absent(run.config, lane, error)


@contextlib.contextmanager
def _same_locale() -> Iterator[None]:
    """Keep the process's locale: after hundreds of loads and conversions in one process it was seen to be left at C."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        yield
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


def _allowed_to_be_absent(config: Config, lane: Lane, error: HarnessError) -> bool:
    optional = {candidate.id for candidate in config.candidates if candidate.optional}
    return isinstance(error, AbsentDeviceError) and lane.spec.id in optional


def _bad_images_message(run: Run, limit: int) -> str:
    policy = run.config.dataset.bad_images.policy
    names = [f"{run.images.manifest.image_ids[row]}: {reason}" for row, reason in sorted(run.bad.items())]
    shown = "\n  ".join(names[:20]) + (
        f"\n  ... and {len(names) - 20} more, all in run.json" if len(names) > 20 else ""
    )
    allowed = f" (bad_images.policy is {policy}, {limit} allowed)"
    plural = "s" if len(names) > 1 else ""
    return f"{len(names)} bad image{plural}{allowed}; mend them, or set dataset.bad_images\n  {shown}"
