"""A whole validation, in the order of its steps: read, lock, prepare, run, judge, write."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.capsule.configuration import require_fitting
from harness.config import Config, require_files
from harness.config.limits import never_failing
from harness.config.schema import Certify
from harness.config.unstated import unstated
from harness.conversion.prepared import prepare_models, refuse_replaced_contract
from harness.dataset.checksums import verify_checksums
from harness.dataset.image_set import open_image_set
from harness.engine.answers import applied_in
from harness.engine.cache import trim
from harness.engine.checks import finished_tables, refuse_failures, refuse_suspect_labels, too_many_bad_images
from harness.engine.fetched import fetched, remote_cache
from harness.engine.first_images import FirstImages
from harness.engine.first_verdict import FirstVerdict
from harness.engine.identity import cache_folder, cache_warnings, identity, pixel_store, plan_models, task_for
from harness.engine.loading import models_loading
from harness.engine.local import Engine, LocalEngine
from harness.engine.opening import Place, opened_place, with_engine
from harness.engine.progress import Progress
from harness.engine.run import Explain, Options, Run, process_age, write_results, write_unfinished
from harness.engine.run_folder import RunFolder, WriteBehind, new_run_folder, point_latest
from harness.engine.shard import Models, calibration_overlap, failure_of
from harness.engine.speed import with_speeds
from harness.engine.stability import measure_stability
from harness.engine.task import ShardTask, Work, ordered
from harness.engine.yardstick import measure_yardsticks
from harness.errors import (
    EXIT_INTERRUPTED,
    ConfigError,
    HarnessError,
    ModelError,
    RecordError,
)
from harness.judging.certifying import STRATIFIED, Certifying, limited, other_limits
from harness.judging.parity_alone import parity_alone
from harness.judging.rules import Rules
from harness.record.schema import RunRecord
from harness.record.speeds import keep_speed
from harness.record.store import read_record

_BEHIND = 8  # shard tables that may be on their way to the disk; a local run makes too few a second to need it


class InterruptedRunError(HarnessError):
    """The run was stopped by Ctrl-C; what was finished is kept."""

    exit_code = EXIT_INTERRUPTED


def validate(config: Config, options: Options | None = None, explain: Explain | None = None) -> RunRecord:
    """Evaluate every model of a configuration and write the record.

    ``explain``: finds the causes of failed gates before the record is written, such as
    ``harness.diagnosis.quick`` does.

    Returns the record; its ``exit_code`` is the verdict, and ``to_pandas()`` returns the per-image table. Raises
    HarnessError if the evaluation cannot be completed: its message is the reason, and the run's folder, if it already
    exists, contains a record with the status `error` or `incomplete`.
    """
    options = options or Options()
    started_at = time.perf_counter() - process_age()
    started = datetime.now(UTC).isoformat(timespec="seconds")
    config = with_engine(config, options.engine)
    certify = limited(config.certify, options.certify_pp)
    if certify is not None and config.reference is None:
        raise ConfigError(
            f"{config.where('reference')}: is null, but certifying a drop needs a reference; set `reference`, or "
            "leave out --certify and `certify`"
        )
    config = config.model_copy(update={"certify": certify})  # the record shows limit, confidence and seed
    limit = options.limit
    if options.parity_only or config.only:
        config, parity_images = parity_alone(config)
        certify, limit = None, min(parity_images, limit or parity_images)
    require_files(config, candidates=False)
    if config.checksums:
        verify_checksums(config.checksums)
    given = config.dataset
    config = fetched(config)
    require_fitting(config)
    listed = open_image_set(config.dataset)
    images = ordered(listed, certify, limit)
    with opened_place(config) as place, RunFolder(_folder(config, options)) as run_folder:
        folder = run_folder.folder
        if not options.resume:
            run_folder.refuse_used()
        with run_folder.removed_where_it_never_began():
            prepared = prepare_models(config, images=listed, quiet=options.quiet)
            planned = plan_models(config, prepared, use_cache=options.use_cache, threads=place.threads)
            run_folder.identify(identity(config, planned, images.manifest))
        tasks = tuple(task_for(config, item, use_cache=options.use_cache) for item in planned)
        fingerprint = images.manifest.fingerprint()
        work = Work(config.dataset, certify, limit, fingerprint, tasks, given, remote_cache(config))
        pixels = pixel_store(config, options.pixels, options.pixels_gb)
        with Models(images, [task.lane() for task in tasks], pixels=pixels) as models:
            run = Run(config, options, folder, planned, models, started, started_at)
            if options.use_cache:
                run.warnings += cache_warnings(config)
            run.warnings += [
                *unstated(config),
                *never_failing(config),
                *prepared.warnings,
                *images.notes,
                *_certifying(run, certify),
            ]
            write_unfinished(run, "incomplete", EXIT_INTERRUPTED, "not finished, because the process ended first")
            try:
                _evaluate(run, run_folder, work, place)
                first = FirstImages(run)
                run.stability = () if config.only else measure_stability(run, first)
                run.yardsticks = measure_yardsticks(run, first)
                _refuse_replaced_files(run)
                record = write_results(run, explain, with_speeds if options.speed else None)
            except KeyboardInterrupt:
                with contextlib.suppress(HarnessError):
                    write_unfinished(run, "incomplete", EXIT_INTERRUPTED, "interrupted")
                raise _interrupted(run) from None
            except HarnessError as error:
                with contextlib.suppress(HarnessError):
                    write_unfinished(run, "error", error.exit_code, str(error))
                error.run_folder = folder
                raise
    if folder.parent == options.reports / config.name:
        point_latest(folder)
    if options.use_cache:
        keep_speed(cache_folder(config), record)
        trim(cache_folder(config), int(config.cache.max_gb * 1e9))
    return record.in_folder(folder)


def _certifying(run: Run, certify: Certify | None) -> list[str]:
    """Let the run stop as soon as every candidate is decided; return what the user should know of it."""
    if certify is None:
        return []
    config = run.config
    run.certifying = Certifying(Rules.of(config), certify, config.dataset.images or run.images.listed)
    stratified = bool(config.dataset.subset and config.dataset.subset.stratified)
    return [*other_limits(config, certify), *([STRATIFIED] if stratified else [])]


def _interrupted(run: Run) -> InterruptedRunError:
    done = sum(len(table.rows) for table in run.tables)
    error = InterruptedRunError(
        f"interrupted after {done} of {len(run.images.manifest)} images; continue with: --resume --out {run.folder}"
    )
    error.run_folder = run.folder
    return error


def _folder(config: Config, options: Options) -> Path:
    if options.out:
        return options.out
    if options.resume:
        latest = options.reports / config.name / "latest"
        runs = sorted(path.parent for path in (options.reports / config.name).glob("*/shards") if path.is_dir())
        runs = [path for path in runs if path.name != "latest"]
        if not runs:
            raise ConfigError(
                f"{latest.parent}: no run to resume; start one without --resume, or give its folder with --out"
            )
        return next((path for path in reversed(runs) if not _is_finished(path)), runs[-1])
    return new_run_folder(options.reports, config.name)


def _is_finished(folder: Path) -> bool:
    """Return whether a run ended with a verdict; one that was interrupted or failed did not."""
    try:
        return read_record(folder).status == "complete"
    except RecordError:
        return False


def _evaluate(run: Run, run_folder: RunFolder, work: Work, place: Place) -> None:
    """Fill ``run.tables``: first the existing tables, then the missing ones."""
    tasks = [ShardTask(index, rows, work) for index, rows in enumerate(run.images.manifest.shards())]
    if not tasks:
        return
    if run.options.resume:
        run.tables = finished_tables(run.images, run_folder, [(task.index, task.rows) for task in tasks])
        _read_outputs_as_before(run)
    if not place.here:
        run.failures |= place.absent
        refuse_failures(run.reference, run.candidates, run.failures)
    needed = place.here and (len(run.tables) < len(tasks) or not all(map(run.is_whole, run.tables)))
    with models_loading(run) if needed else contextlib.nullcontext():
        _evaluate_missing(run, run_folder, work, place, tasks)


def _evaluate_missing(run: Run, run_folder: RunFolder, work: Work, place: Place, tasks: Sequence[ShardTask]) -> None:
    """Keep the complete tables, and add those of all other shards."""
    run.tables = [table for table in run.tables if run.is_whole(table)]
    _refuse_calibrated(run)
    done = {table.index for table in run.tables}
    policy = run.config.dataset.bad_images
    run.bad = {row: reason for table in run.tables for row, reason in table.bad.items()}
    engine = place.open(
        run.models,
        work,
        bad_limit=policy.tolerated(len(run.images.manifest)),
        bad=len(run.bad),
        without=frozenset(run.failures),
    )
    if isinstance(engine, LocalEngine) and run.reference is not None:
        engine.first_rows = FirstVerdict.images(run)
    _take_tables(run, run_folder, engine, [task for task in tasks if task.index not in done])
    run.warnings += engine.notes


def _read_outputs_as_before(run: Run) -> None:
    """Read from finished shards what turns each model's output into probabilities."""
    for table in sorted(run.tables, key=lambda table: table.index):
        for lane in run.models.lanes:
            lane.applied = lane.applied or applied_in(table.reported.get(lane.spec.id, {}))


def _take_tables(run: Run, run_folder: RunFolder, engine: Engine, missing: Sequence[ShardTask]) -> None:
    """Add the existing tables, then those of the missing shards from the engine."""
    policy = run.config.dataset.bad_images
    start = time.perf_counter()
    with Progress(len(run.images.manifest), quiet=run.options.quiet) as progress:
        decided = False
        for table in run.tables:
            refuse_suspect_labels(run.config, run.images.manifest, run.images.source, table)
            progress.add(table)
            decided = bool(run.certifying and run.certifying.take(table))
        wanted, not_decoded = [] if decided else missing, 0
        behind = _BEHIND
        if isinstance(engine, LocalEngine):
            engine.on_first, behind = FirstVerdict(run, progress.say), 0
        with contextlib.closing(engine.run(wanted)) as stream, WriteBehind(run_folder, behind) as writer:
            for table in stream:
                not_decoded += table.not_decoded
                run.bad |= table.bad
                if not table.is_evaluated:
                    continue
                run.failures = table.failures | run.failures  # the first failure of a model is the one that counts
                refuse_failures(run.reference, run.candidates, run.failures)
                refuse_suspect_labels(run.config, run.images.manifest, run.images.source, table)
                table = table.with_failures(run.unavailable)  # so that a resume knows it without loading
                writer.save(table)
                run.tables.append(table)
                run.timing.setdefault("first_shard_seconds", time.perf_counter() - run.started_at)
                progress.add(table)
                if run.certifying and run.certifying.take(table):
                    run.models.abandon()  # what is decided waits for no further shard
                    break
        run.models.resume()
    run.timing["stream_seconds"] = time.perf_counter() - start
    if run.models.pixels is not None:
        run.timing["images_not_decoded"] = float(not_decoded)
    # A run that stops early has not earned the tolerance of the images that it never looked at.
    for images in (len(run.images.manifest), sum(len(table.rows) for table in run.tables)):
        if len(run.bad) > policy.tolerated(images):
            raise too_many_bad_images(run.config, run.images.manifest, run.bad, images)


def _refuse_calibrated(run: Run) -> None:
    """Leave out a candidate that was calibrated on an image of the tables that are there already."""
    rows = [row for table in run.tables for row in table.rows]
    digests = [digest for table in run.tables for digest in table.image_digests]
    for lane in run.models.lanes:
        overlap = calibration_overlap(lane, run.images.manifest, rows, digests)
        if overlap and lane.spec.id not in run.failures:
            run.failures[lane.spec.id] = failure_of(overlap)
    refuse_failures(run.reference, run.candidates, run.failures)


def _refuse_replaced_files(run: Run) -> None:
    """Leave out a candidate whose files are other ones now than those that were digested, before anything is judged."""
    for item, lane in zip(run.planned, run.models.lanes, strict=True):
        try:
            lane.refuse_replaced_files()
            refuse_replaced_contract(item.prepared)
        except ModelError as error:
            run.failures.setdefault(lane.spec.id, failure_of(error))
    refuse_failures(run.reference, run.candidates, run.failures)
