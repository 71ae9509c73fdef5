"""What is said of a search: the diagnosis of an explanation, its evidence, and what else was tried."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from harness.diagnosis import wording
from harness.diagnosis.answer import Alternative, Diagnosis, joined, number
from harness.diagnosis.bench import Bench
from harness.diagnosis.explanations import Tried
from harness.diagnosis.readings import NOISE
from harness.diagnosis.search import CLEAR, Search

_SHOWN = 6  # alternatives


def answer(search: Search, found: Tried) -> Diagnosis:
    """Return the diagnosis of an explanation that restores parity."""
    bench = search.bench
    beside = search.around
    reading, trial = found.read.reading, found.trial
    claims = [item.claim for item in beside]
    done = [item.done for item in beside if item.done]
    for change in trial.changes:
        claims.append(wording.claim(change, trial))
        done += filter(None, [wording.done(change, bench.own, trial)])
    if reading.cause:
        claims.append(wording.reading_claim(reading))
        done.append(wording.reading_done(reading))
    mends = [item.mend for item in beside]
    mends.append(wording.mend(bench.config, bench.candidate, bench.own, bench.wanted, trial, reading))
    mend = " ".join(filter(None, mends))
    causes = (*(item.cause for item in beside), *found.causes)
    sentence = f"The candidate {bench.candidate.id} {joined(claims)}: {joined(done)}, {_effect(search, found)}."
    return found_cause(bench, causes, sentence, mend, evidence(search, found), others=alternatives(search, found))


def found_cause(
    bench: Bench,
    causes: Sequence[str],
    sentence: str,
    mend: str,
    figures: Mapping[str, object],
    *,
    others: tuple[Alternative, ...] = (),
    profile: str = "",
) -> Diagnosis:
    """Return the diagnosis that names causes. ``mend``: its own sentence, empty where nothing is to be said.

    ``figures``: the evidence; ``others``: the alternatives; ``profile``: as ``Diagnosis``.
    """
    return Diagnosis(
        bench.candidate.id,
        bench.reference.id,
        "found",
        " + ".join(causes),
        f"{sentence} {mend}".strip(),
        dict(figures),
        mend or None,
        others,
        profile,
    )


def _effect(search: Search, found: Tried) -> str:
    """Return what comes of it, with its figures, as the end of a sentence."""
    if (seen := found.direction) is not None:
        return f"{seen.closer} of {seen.images} images come closer to {search.bench.reference.id}"
    before, after = search.before.largest, number(found.read.largest)
    difference = f"the largest probability difference on {found.images} images"
    return (
        f"{difference} falls from {number(before)} to {after}" if math.isfinite(before) else f"{difference} is {after}"
    )


def evidence(search: Search, found: Tried | None) -> dict[str, object]:
    """Return the figures: images, differences before and after, limit, answers that agree, precision."""
    bench = search.bench
    figures: dict[str, object] = {
        "images": bench.count,
        "limit": search.limit,
        "max_abs_diff_before": search.before.largest,
        "top1_agreement_before": search.before.agreeing,
        "effective_precision": bench.loaded.effective_precision,
    }
    if bench.reference.recorded is not None:
        figures["not_looked_at"] = ["layers", "weights", "input-cast", "reference-input"]
    if found is not None:
        figures["max_abs_diff_after"] = found.read.largest
        if len(found.read.rows) == bench.count:
            figures["top1_agreement_after"] = found.read.agreeing
        if found.direction is not None:
            figures["direction"] = asdict(found.direction)
    return figures


def alternatives(search: Search, found: Tried | None) -> tuple[Alternative, ...]:
    """Return the next best explanations, the best first; one of a cause and its words."""
    chosen = {_words(found)} if found is not None else set()
    ranked = sorted(search.tried, key=lambda item: (-item.images, item.read.largest, len(item.causes)))
    kept: dict[str, Alternative] = {}
    for item in ranked:
        words = _words(item)
        if not item.causes or words in chosen or words in kept:
            continue
        largest = item.read.largest
        equal = found is not None and search.is_parity(item.read) and largest <= max(CLEAR * found.read.largest, NOISE)
        kept[words] = Alternative(item.cause, words, largest, item.images, equal)
    best = sorted(kept.values(), key=lambda item: (not item.equal, -item.images, item.max_abs_diff))
    return tuple(best[:_SHOWN])


def _words(item: Tried) -> str:
    parts = [change.words for change in item.trial.changes]
    return " and ".join([*parts, *([item.read.reading.words] if item.read.reading.cause else [])])


def nothing_explains(search: Search) -> Diagnosis:
    """Return the answer where no hypothesis restores parity."""
    bench = search.bench
    closest = alternatives(search, None)
    kinds = len({item.cause for item in search.tried if item.causes})
    tail = ""
    best = min(closest, key=lambda item: item.max_abs_diff or 0.0, default=None)
    if best is not None and best.max_abs_diff is not None and best.max_abs_diff < search.before.largest:
        tail = f" The closest, {best.cause}, leaves a difference of {number(best.max_abs_diff)}."
    sentence = (
        f"{difference(search)}, and none of the {kinds} kinds of causes that were tried explains it.{tail}"
        f"{untold(search)}"
    )
    return Diagnosis(
        bench.candidate.id,
        bench.reference.id,
        "unknown",
        None,
        sentence,
        evidence(search, None),
        None,
        closest,
    )


def difference(search: Search) -> str:
    """Return how far the candidate is from its reference as configured, as the beginning of a sentence."""
    bench, largest = search.bench, search.before.largest
    names, images = (bench.candidate.id, bench.reference.id), f"on {bench.count} images"
    if math.isfinite(largest):
        return f"The candidate {names[0]} differs from {names[1]} by up to {number(largest)} in a probability {images}"
    return f"The candidate {names[0]} has no probabilities that can be compared with those of {names[1]} {images}"


def untold(search: Search) -> str:
    """Return what cannot be looked at, as a sentence; empty if everything can be."""
    bench = search.bench
    if bench.reference.recorded is None:
        return ""
    return (
        f" Layers, weights, casts and other inputs of {bench.reference.id} were not checked, because only its "
        "recorded predictions are available; run `harness diagnose CONFIG` on a machine with the original model."
    )
