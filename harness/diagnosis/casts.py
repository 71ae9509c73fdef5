"""A candidate whose values are cast to whole numbers after mean and scale.

Nothing that it is fed takes that back. But it answers the same for values that were cast before, and the reference,
fed what the candidate sees, answers as the candidate does.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from harness.diagnosis.affine import Affine
from harness.diagnosis.bench import Bench
from harness.diagnosis.changes import Array, Change
from harness.diagnosis.explanations import Tried
from harness.diagnosis.feedings import DIVISIONS, Cast, Feeding, swapped_color
from harness.diagnosis.readings import Read
from harness.diagnosis.search import CLEAR, NOISE, Search
from harness.diagnosis.subject import CannotFeedError
from harness.diagnosis.trials import Trial, casts

_ASKED = 2  # images by which it is seen whether a cast changes the answers
_WITHIN = 0.25  # of a probability: what other weights may move while the order of classes is looked at


@dataclasses.dataclass(frozen=True)
class _Seen:
    """The changes of one cast, the cast last; ``feeding``: gives the reference what the candidate sees so."""

    changes: tuple[Change, ...]
    feeding: Feeding


def search_cast(search: Search) -> Tried | None:
    """Return the cast that explains the candidate's answers, with every way of reading them; None where none does."""
    search.progress("values cast to whole numbers")
    return search.best(list(_explained(search, otherwise=False)))


def search_cast_and_another(search: Search) -> Tried | None:
    """Return a cast and another change of feeding but mean and scale that together explain the candidate's answers."""
    search.progress("values cast to whole numbers, and another change")
    kinds = search.single_trials()
    others = [trial for kind, trials in kinds.items() if kind != "normalisation" for trial in trials]
    for seen in _seen(search, otherwise=False):
        tried = search.look(others, search.bench.reference_if(seen.feeding), quick=True)
        if found := search.best([_with(item, seen.changes) for item in tried]):
            return found
    return None


def search_cast_otherwise(search: Search) -> Tried | None:
    """Return a cast behind another mean and scale that explains the candidate's answers."""
    search.progress("values cast to whole numbers behind another mean and scale")
    return search.best(list(_explained(search, otherwise=True)))


def cast_beside(search: Search) -> Tried | None:
    """Return the cast that brings the models closer by a clear factor, though not to parity; None: none does."""
    before = search.before.off
    for seen in _seen(search, otherwise=False):
        first = _reads(search, seen, _WITHIN, search.few)[0]
        if float(np.median(first.off)) * CLEAR > float(np.median(before[search.few])):
            continue
        read = _reads(search, seen, _WITHIN)[0]
        found = search.of(Trial(seen.changes, search.bench.own), read, search.bench.count)
        if found.typical * CLEAR <= float(np.median(before)):
            return found
    return None


def _with(item: Tried, changes: tuple[Change, ...]) -> Tried:
    trial = Trial((*item.trial.changes, *changes), item.trial.feeding)
    return dataclasses.replace(item, trial=trial, causes=(*item.causes, *(change.cause for change in changes)))


def _explained(search: Search, *, otherwise: bool) -> Iterator[Tried]:
    """Yield what restores parity on few images and then on all."""
    for seen in _seen(search, otherwise=otherwise):
        for rows in (search.few, None):
            reads = _reads(search, seen, search.limit, rows)
            trial = Trial(seen.changes, search.bench.own)
            found = [search.of(trial, read, len(read.off)) for read in reads]
            search.tried += found
            restored = [item for item in found if item.read.largest <= search.limit]
            if not restored:
                break
        else:
            yield from (item for item in restored if search.is_parity(item.read))


def _reads(search: Search, seen: _Seen, limit: float, rows: NDArray[np.int64] | None = None) -> list[Read]:
    """Return what the candidate gives as it is, held against the reference fed otherwise; ``rows``: of these."""
    raw = search.unchanged() if rows is None else search.unchanged()[rows]
    reference = search.bench.reference_if(seen.feeding, rows)
    return search.bench.read(raw, search.spec, limit=limit, reference=reference)


def _seen(search: Search, *, otherwise: bool) -> Iterator[_Seen]:
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
                for feeding in _of_reference(search, changes[-1], seen):
                    yield _Seen(changes, feeding)
    except CannotFeedError:
        return


def _orders(bench: Bench, seen: Affine) -> list[Affine]:
    """Return mean and scale for the candidate's channels, as its colour order says and as the other one would."""
    colors = bench.own.color, swapped_color(bench.own).color
    return list(dict.fromkeys(seen.ordered(bench.wanted.color, color) for color in colors))


def _hides(search: Search, cast: Cast, pixels: Array, known: set[bytes]) -> bool:
    """Return whether the candidate answers the same for two arrays that the cast makes the same values of.

    ``known``: what was asked already, which is not asked again.
    """
    bench = search.bench
    one, other = (bench.own.of_ordered(values) for values in cast.alike(pixels))
    if one.tobytes() in known:
        return False
    known.add(one.tobytes())
    answers = bench.answer(search.subject, one)
    near = NOISE * max(1.0, float(np.abs(answers).max(initial=0)))
    return float(np.abs(bench.answer(search.subject, other) - answers).max(initial=0)) <= near


def _of_reference(search: Search, cast: Change, seen: Affine) -> Iterator[Feeding]:
    """Yield how the reference is fed what the cast makes, for each way of dividing that makes a difference."""
    bench = search.bench
    pixels = bench.pixels(bench.wanted.preprocess)
    levels = pixels if pixels.dtype != np.uint8 else np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(-1, 3)
    known: set[bytes] = set()
    for division in DIVISIONS:
        made = Cast(cast, seen, bench.wanted.affine, division)
        digest = hashlib.sha256(made.cast_values(bench.wanted.ordered(levels)).tobytes()).digest()
        if digest not in known:
            known.add(digest)
            yield dataclasses.replace(bench.wanted, cast=made)
