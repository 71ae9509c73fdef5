"""A candidate whose values are cast to whole numbers after mean and scale.

Nothing that it is fed takes that back. But it answers the same for values that were cast before, and the reference, fed
what the candidate sees, predicts the same as the candidate.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator

import numpy as np

from harness.diagnosis.affine import Affine
from harness.diagnosis.bench import Bench
from harness.diagnosis.changes import Array, Change
from harness.diagnosis.explanations import Tried
from harness.diagnosis.feedings import DIVISIONS, Cast, swapped_color
from harness.diagnosis.readings import NOISE, Read, Rows, tells_images_apart
from harness.diagnosis.search import CLEAR, Search
from harness.diagnosis.subject import CannotFeedError
from harness.diagnosis.trials import Trial, casts

_ASKED = 2  # images by which it is seen whether a cast changes the answers
_WITHIN = 0.25  # of a probability: what other weights may move while the order of classes is looked at
Seen = tuple[tuple[Change, ...], Rows]  # the changes, the cast last, and what the reference gives that sees the same


def search_cast(search: Search) -> Tried | None:
    """Return the cast that explains the candidate's predictions, with every way of reading them; None if none does."""
    search.progress("values cast to whole numbers")
    return search.best(list(_explained(search, _seen(search, otherwise=False))))


def search_cast_and_another(search: Search) -> Tried | None:
    """Return a cast and a change of input, except mean and scale, that together explain the predictions."""
    search.progress("values cast to whole numbers, and another change")
    kinds = search.single_trials()
    others = [trial for kind, trials in kinds.items() if kind != "normalisation" for trial in trials]
    for changes, rows in _seen(search, otherwise=False):
        tried = [item for item in search.look(others, rows, quick=True) if tells_images_apart(rows, item.read.largest)]
        if found := search.best([_with(item, changes) for item in tried]):
            return found
    return None


def search_cast_otherwise(search: Search) -> Tried | None:
    """Return a cast behind another mean and scale that explains the candidate's predictions."""
    search.progress("values cast to whole numbers behind another mean and scale")
    return search.best(list(_explained(search, _seen(search, otherwise=True))))


def cast_beside(search: Search) -> Tried | None:
    """Return the cast that brings the models closer by a clear factor, though not to parity; None: none does."""
    for changes, rows in _seen(search, otherwise=False):
        for read in _reads(search, rows, _WITHIN)[:1] if tells_images_apart(rows, search.limit) else ():
            found = search.of(Trial(changes, search.bench.own), read, search.bench.count)
            if found.typical * CLEAR <= float(np.median(search.before.off)):
                return found
    return None


def _with(item: Tried, changes: tuple[Change, ...]) -> Tried:
    trial = Trial((*item.trial.changes, *changes), item.trial.feeding)
    return dataclasses.replace(item, trial=trial, causes=(*item.causes, *(change.cause for change in changes)))


def _explained(search: Search, seen: Iterator[Seen]) -> Iterator[Tried]:
    for changes, rows in seen:
        for read in _reads(search, rows, search.limit):
            found = search.of(Trial(changes, search.bench.own), read, search.bench.count)
            search.tried.append(found)
            if search.is_parity(read) and tells_images_apart(rows, read.largest):
                yield found


def _reads(search: Search, rows: Rows, limit: float) -> list[Read]:
    """Return the candidate's unchanged predictions, compared with those of the reference for other input."""
    return search.bench.read(search.unchanged(), search.spec, limit=limit, reference=rows)


def _seen(search: Search, *, otherwise: bool) -> Iterator[Seen]:
    """Yield each cast behind which the candidate answers the same for values that are not the same before it.

    Nothing is yielded where one of the two models cannot be fed values that are not whole.
    """
    bench, asked = search.bench, search.few[:_ASKED]
    pixels = bench.own.ordered(bench.pixels(bench.own.preprocess)[asked])
    known: set[bytes] = set()
    try:
        for changes, seen in casts(bench.wanted, otherwise=otherwise):
            if search.is_late:
                return
            if any(_hides(search, Cast(changes[-1], its, its), pixels, known) for its in _orders(bench, seen)):
                for rows in _of_reference(search, changes[-1], seen):
                    yield changes, rows
    except CannotFeedError:
        return


def _orders(bench: Bench, seen: Affine) -> list[Affine]:
    """Return mean and scale for the candidate's channels, as its colour order says and as the other one would."""
    colors = bench.own.color, swapped_color(bench.own).color
    return list(dict.fromkeys(seen.ordered(bench.wanted.color, color) for color in colors))


def _hides(search: Search, cast: Cast, pixels: Array, known: set[bytes]) -> bool:
    """Return whether the candidate answers the same for two arrays that the cast makes the same values of.

    ``known``: earlier results, which are not computed again.
    """
    bench = search.bench
    one, other = (bench.own.of_ordered(values) for values in cast.alike(pixels))
    if one.tobytes() in known:
        return False
    known.add(one.tobytes())
    answers = bench.answer(search.subject, one)
    near = NOISE * max(1.0, float(np.abs(answers).max(initial=0)))
    return float(np.abs(bench.answer(search.subject, other) - answers).max(initial=0)) <= near


def _of_reference(search: Search, cast: Change, seen: Affine) -> Iterator[Rows]:
    """Yield what the reference gives that sees the cast, for each way of dividing that makes a difference."""
    bench = search.bench
    pixels = bench.wanted.ordered(bench.pixels(bench.wanted.preprocess))
    known: set[bytes] = set()
    for division in DIVISIONS:
        made = Cast(cast, seen, bench.wanted.affine, division)
        fed = bench.wanted.of_ordered(made.of(pixels))
        if (digest := hashlib.sha256(fed.tobytes()).digest()) not in known:
            known.add(digest)
            yield bench.reference_if(dataclasses.replace(bench.wanted, cast=made))
