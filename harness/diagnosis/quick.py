"""The quick look after a failed gate: the cheap hypotheses on a few images, with data that the run already has."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence

from harness.config import Candidate
from harness.diagnosis.bench import Bench
from harness.diagnosis.diagnose import diagnose_quickly
from harness.diagnosis.readings import Rows
from harness.diagnosis.search import Search
from harness.engine.lane import Lane
from harness.engine.run import Run
from harness.errors import HarnessError
from harness.judging.evaluation import Judgement
from harness.record.schema import DiagnosisPart

SECONDS = 5.0  # of all candidates together
IMAGES = 16


def explain(run: Run, judgement: Judgement) -> tuple[DiagnosisPart, ...]:
    """Return what is likely wrong with each candidate that a gate failed, or the command that looks on.

    Takes about five seconds at most for all of them, and changes no verdict.
    """
    failed = {gate.model for gate in judgement.gates if gate.verdict == "fail"}
    until = time.monotonic() + SECONDS
    if run.reference is None:
        return ()
    known: dict[tuple[bytes, ...], Rows] = {}
    found = []
    for candidate in run.config.candidates:
        if candidate.id in failed and candidate.id not in run.failures:
            part = _quickly(run, candidate, known, until) if time.monotonic() < until else None
            found.append(part or DiagnosisPart(model=candidate.id, sentence=_hint(run, candidate)))
    return tuple(found)


def _hint(run: Run, candidate: Candidate) -> str:
    given = list(run.options.command)
    overrides = [[name, given[place + 1]] for place, name in enumerate(given[:-1]) if name == "--set"]
    overrides += [[word] for word in given if word.startswith("--set=")]
    travelled = run.config.reference is not None and run.config.reference.recorded is not None
    file = None if travelled else run.config.source_file
    words = ["harness", "diagnose", str(file) if file else "CONFIG", "--candidate", candidate.id]
    command = shlex.join([*words, *(word for words in overrides for word in words)])
    where = " on a machine with the original model" if travelled else ""
    return f"Cause unknown; run `{command}`{where} to find it."


def _quickly(
    run: Run, candidate: Candidate, known: dict[tuple[bytes, ...], Rows], until: float
) -> DiagnosisPart | None:
    planned = {item.model.id: item for item in run.planned}
    if planned[candidate.id].spec.isolate:
        return None
    lanes = {lane.spec.id: lane for lane in run.models.lanes}
    assert run.reference is not None
    reference = lanes[run.reference]
    try:
        with Bench(run.config, candidate, planned, run.images, count=IMAGES, use_cache=False) as bench:
            if not _has_answers(run, reference, bench, known):
                return None
            bench.run_reference(known)
            answer = diagnose_quickly(Search(bench, until=until))
    except HarnessError:
        return None
    if answer is None or answer.cause is None or answer.verdict != "found":
        return None
    return DiagnosisPart(model=candidate.id, cause=answer.cause, sentence=answer.sentence, mend=answer.mend)


def _has_answers(run: Run, reference: Lane, bench: Bench, known: dict[tuple[bytes, ...], Rows]) -> bool:
    """Put the reference's predictions for the images into ``known``: those of the run, or by the loaded model."""
    if bench.digests in known:
        return True
    kept = _of_the_first_shard(run, reference, bench.digests)
    if kept is None and reference.is_loaded:
        kept = reference.infer_alone(bench.pixels(run.config.preprocess_for(bench.reference)))
    if kept is None:
        return False
    known[bench.digests] = kept
    return True


def _of_the_first_shard(run: Run, reference: Lane, digests: Sequence[bytes]) -> Rows | None:
    first = next((table for table in run.tables if table.index == 0), None)
    if first is None or reference.cache is None:
        return None
    bad = {row - first.rows.start for row in first.bad}
    good = tuple(digest for place, digest in enumerate(first.image_digests) if place not in bad)
    entry = reference.cache.get(good, reference.spec.outputs)
    if entry is None or good[: len(digests)] != tuple(digests):
        return None
    return entry.probabilities[: len(digests)]
