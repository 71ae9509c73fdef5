"""Loading the models of a run: what is quick before the first image, the reference next to the first images."""

from __future__ import annotations

import contextlib
import locale
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from harness.engine.checks import refuse_failures
from harness.engine.lane import Lane
from harness.engine.run import Run
from harness.engine.shard import failure_of
from harness.errors import DeviceError, HarnessError, ModelError


@contextlib.contextmanager
def models_loading(run: Run) -> Iterator[None]:
    """Load models inside the block, except where the cache may answer for them.

    The candidates are loaded when the block begins, at the same time; one that cannot be is left out with the reason.
    The reference is imported and loaded in a thread meanwhile: images are decoded and candidates answer before it is
    there, and its failure is in the first shard's table.
    """
    start = time.perf_counter()
    needed = [lane for lane in run.models.lanes if lane.cache is None or not lane.cache.has_any()]
    candidates = [lane for lane in needed if lane.role != "reference"]
    reference = [lane for lane in needed if lane.role == "reference"]
    for lane in candidates:
        lane.import_framework()
    with _same_locale(), ThreadPoolExecutor(1 + len(candidates), thread_name_prefix="load") as pool:
        try:
            if reference:  # from here on nothing else imports a framework: docs/engine.md
                beside = pool.submit(_load_quietly, reference[0])
                if not candidates:
                    wait([beside])
            _load(run, candidates, pool)
            run.timing["load_seconds"] = time.perf_counter() - start
            yield
        except BaseException:  # the pool waits for what is being loaded, and a model with a loop may never be
            for lane in needed:
                lane.stop()
            raise


def _load(run: Run, lanes: Sequence[Lane], pool: ThreadPoolExecutor) -> None:
    loading = {lane.spec.id: pool.submit(lane.load) for lane in lanes}
    for lane in lanes:
        try:
            loading[lane.spec.id].result()
        except (ModelError, DeviceError) as error:
            run.failures[lane.spec.id] = failure_of(error, optional=lane.optional)
    refuse_failures(run.reference, run.candidates, run.failures)


def _load_quietly(lane: Lane) -> None:
    """Load a model; the first request for its predictions raises the error."""
    with contextlib.suppress(HarnessError):
        lane.load()


@contextlib.contextmanager
def _same_locale() -> Iterator[None]:
    """Keep the process's locale: after hundreds of loads and conversions in one process it was seen to be left at C."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        yield
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
