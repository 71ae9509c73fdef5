"""Whether the reference is the wrong one: no better than guessing, or far better when it is fed otherwise."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from harness.dataset.labels.answer_check import suspicion
from harness.diagnosis.affine import written
from harness.diagnosis.answer import Diagnosis, number
from harness.diagnosis.answering import found_cause
from harness.diagnosis.bench import Bench
from harness.diagnosis.changes import Change
from harness.diagnosis.explanations import Tried
from harness.diagnosis.feedings import Feeding, swapped_color
from harness.diagnosis.readings import Rows
from harness.diagnosis.search import Search
from harness.diagnosis.subject import CannotFeedError
from harness.feeding.families import NORMALISATIONS
from harness.judging.chance import chance_fault
from harness.judging.comparison import chance_part
from harness.metrics.statistics import mcnemar_exact

FAR = 0.001  # exact McNemar test on the same images; a dozen ways are tried
_FEW = 32  # images of a first look at each way
_FEWEST = 16  # images that say anything of accuracy
Hits = NDArray[np.bool_]


def p_value(one: Hits, other: Hits) -> float:
    """Return the exact two-sided McNemar p-value of two models, or two ways, on the same images."""
    return mcnemar_exact(int((one & ~other).sum()), int((other & ~one).sum()))


def is_far_better(one: Hits, other: Hits) -> bool:
    """Whether ``one`` is right far more often than ``other`` on the same images."""
    return int(one.sum()) > int(other.sum()) and p_value(one, other) <= FAR


def suspect_labels(bench: Bench) -> Diagnosis | None:
    """Return the diagnosis of labels that are wrong in a known way, by the reference's own answers."""
    config = bench.config
    if config.dataset.labels_trusted:
        return None
    answers = bench.reference_rows.argmax(axis=1) + bench.classes.offset
    reason = suspicion(
        answers,
        bench.labels,
        classes=config.dataset.classes,
        background_class=config.dataset.background_class,
        model=bench.reference.id,
    )
    if reason is None:
        return None
    right = int(bench.hits(bench.reference_rows).sum())
    evidence = {"images": bench.count, "reference_correct": right}
    sentence = f"{reason.what[:1].upper()}{reason.what[1:]}."
    mend = f"{reason.mend[:1].upper()}{reason.mend[1:]}."
    return found_cause(bench, ["labels"], sentence, mend, evidence)


def wrong_reference(search: Search, found: Tried) -> Diagnosis | None:
    """Return the diagnosis where the candidate as configured is right far more often than the reference.

    What was found then says how the reference has to be fed; that is confirmed with the reference itself.
    """
    bench = search.bench
    is_cast = any(isinstance(change, Change) and change.cast for change in found.trial.changes)
    if search.around or is_cast or found.read.reading.cause or bench.count < _FEWEST:
        return None
    before = search.before
    if before.rows.shape != bench.reference_rows.shape:
        return None
    theirs, own = bench.hits(before.rows), bench.hits(bench.reference_rows)
    if not is_far_better(theirs, own):
        return None
    feeding = _as_the_candidate_sees(bench, found)
    try:
        rows = bench.reference_if(feeding)
    except CannotFeedError:
        return None
    hits = bench.hits(rows)
    after = float(np.abs(rows.astype(np.float64) - before.rows).max())
    if after > search.limit or not is_far_better(hits, own):
        return None
    return _reference_input(
        bench, feeding, own, hits, f"and then agrees with {bench.candidate.id} within {number(after)}"
    )


def _as_the_candidate_sees(bench: Bench, found: Tried) -> Feeding:
    """Return how to feed the reference what the candidate sees now: the found change, made on purpose.

    With c the candidate's contract and h the one that restores parity, the candidate does reference(h^-1) to what it is
    fed, so that as configured it sees reference(h^-1(c(x))).
    """
    own, fed, wanted = bench.own, found.trial.feeding, bench.wanted
    seen = own.affine.then(fed.affine.inverse()).ordered(own.color, wanted.color).then(wanted.affine)
    changed = dataclasses.replace(wanted.with_affine(seen), preprocess=own.preprocess, undo=fed.undo)
    return changed if own.color == fed.color else swapped_color(changed)


def _reference_input(bench: Bench, feeding: Feeding, own: Hits, hits: Hits, more: str) -> Diagnosis:
    key, wanted = "reference", bench.wanted
    settings = []
    if feeding.color != wanted.color:
        settings.append(f"`{key}.input.color: {feeding.color}`")
    settings += [
        f"`{key}.input.{name}: {written(new)}`"
        for name, new, old in (("mean", feeding.mean, wanted.mean), ("scale", feeding.scale, wanted.scale))
        if any(abs(one - other) > 1e-6 for one, other in zip(new, old, strict=True))
    ]
    if feeding.preprocess.pixels_key != wanted.preprocess.pixels_key:
        settings.append(f"`{key}.preprocess` as {bench.candidate.id} has it")
    mend = f"Set {' and '.join(settings)}." if settings else ""
    p = p_value(hits, own)
    sentence = (
        f"The reference {bench.reference.id} gets the wrong input: fed {feeding.words} instead of "
        f"{wanted.words}, it gets {int(hits.sum())} of {len(hits)} images right instead of {int(own.sum())} "
        f"(p {p:.1g}), {more}."
    )
    evidence = {
        "images": len(hits),
        "reference_correct_before": int(own.sum()),
        "reference_correct_after": int(hits.sum()),
        "p_value": p,
    }
    return found_cause(bench, ["reference-input"], sentence, mend, evidence)


def check_reference(search: Search, found: Tried | None) -> Diagnosis | None:
    """Return what is wrong with the reference where the candidate has parity with it, as configured or as ``found``.

    The candidate stands for it, since it is faster: each usual way of feeding is tried on a few images, and the best is
    confirmed with the reference.
    """
    bench = search.bench
    if bench.count < _FEWEST:
        return None
    own = bench.hits(bench.reference_rows)
    chance = _at_chance(bench)
    best = _best_way(search, found.trial.feeding if found else bench.own, own)
    if best is not None:
        try:
            hits = bench.hits(bench.reference_if(best))
        except CannotFeedError:
            hits = own
        if is_far_better(hits, own):
            return _reference_input(bench, best, own, hits, "and so does the candidate")
    if chance is None:
        return None
    sentence = f"{chance[:1].upper()}{chance[1:]}; none of the usual ways of feeding it raises that."
    evidence = {"images": bench.count, "reference_correct": int(own.sum())}
    return Diagnosis(bench.candidate.id, bench.reference.id, "unknown", "reference-at-chance", sentence, evidence)


def _at_chance(bench: Bench) -> str | None:
    rows = bench.reference_rows
    right, every = int(bench.hits(rows).sum()), np.broadcast_to(np.arange(rows.shape[1], dtype=np.int32), rows.shape)
    answers, wanted = rows.argmax(axis=1).astype(np.int32), bench.labels - bench.classes.offset
    found = chance_part(answers, wanted, every, rows)
    return chance_fault(bench.reference.id, "reference", right, bench.count, bench.config.dataset.classes, None, found)


def _best_way(search: Search, feeding: Feeding, own: Hits) -> Feeding | None:
    """Return the way of feeding the reference that raises the accuracy most, where it may be far."""
    bench = search.bench
    rows = np.arange(min(_FEW, bench.count))
    best: Feeding | None = None
    most = int(own[rows].sum())
    if most >= 0.9 * len(rows):
        return None
    search.progress("the reference, fed otherwise")
    for way in _ways(bench.wanted):
        moved = _moved(bench, feeding, way)
        try:
            raw = bench.answer(search.subject, bench.values(moved, rows))
        except CannotFeedError:
            continue
        values: Rows = bench.read(raw, search.spec, rows, search.limit)[0].rows
        right = int(bench.hits(values).sum())
        if right > most:
            best, most = way, right
    return best


def _ways(wanted: Feeding) -> Iterator[Feeding]:
    known = {wanted.key}
    for mean, scale in ((wanted.mean, wanted.scale), *NORMALISATIONS.values()):
        kept = dataclasses.replace(wanted, mean=mean, scale=scale)
        for way in (kept, swapped_color(kept)):
            if way.key not in known:
                known.add(way.key)
                yield way


def _moved(bench: Bench, feeding: Feeding, way: Feeding) -> Feeding:
    """Return how to feed the candidate what the reference would see by ``way``.

    ``feeding`` f gives it what the reference r sees now, so that its file does r(f^-1) and needs f(r^-1(way(x))).
    """
    wanted = bench.wanted
    needed = way.affine.then(wanted.affine.inverse()).ordered(wanted.color, feeding.color).then(feeding.affine)
    moved = feeding.with_affine(needed)
    return moved if way.color == wanted.color else swapped_color(moved)
