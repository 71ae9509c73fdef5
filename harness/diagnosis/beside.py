"""A change of input or output in addition to weights that are rounded or changed: there is no parity to be restored."""

from __future__ import annotations

import dataclasses

import numpy as np

from harness.diagnosis.casts import cast_beside
from harness.diagnosis.direction import direction
from harness.diagnosis.explanations import Tried
from harness.diagnosis.readings import Read
from harness.diagnosis.search import CLEAR, Search
from harness.diagnosis.trials import Trial

_ALIKE = 1.2  # times the least difference: smaller improvements are not distinguished, and the first one is named
_WITHIN = 0.25  # of a probability: what other weights may move while the order of classes is looked at
_CONFIRMED = 4  # ways of feeding that are looked at on all images


def change_beside(search: Search, *, everywhere: bool) -> Tried | None:
    """Return the one change that brings the models closer on all images; None: there is none.

    The median over the images of the largest difference has to fall by ``CLEAR``. Where weights differ ``everywhere``,
    whose effect is like noise, it is enough that the difference has the direction of what the change does. Only what
    was tried alone counts.
    """
    return _much_closer(search) or cast_beside(search) or (_in_its_direction(search) if everywhere else None)


def _much_closer(search: Search) -> Tried | None:
    bench = search.bench
    few = search.few
    tried = [item for item in search.tried if len(item.causes) == 1 and item.images == len(few)]
    raw = bench.answer(search.subject, bench.values(bench.own, few))
    reads = [read for read in bench.read(raw, search.spec, few, _WITHIN) if read.reading.cause]
    tried += [Tried(Trial((), bench.own), read, (read.reading.cause,), len(few)) for read in reads]
    least = min((item.typical for item in tried), default=0.0)
    best = next((item for item in tried if item.typical <= _ALIKE * least), None)
    if best is None or best.typical * CLEAR > float(np.median(search.before.off[few])):
        return None
    raw = bench.answer(search.subject, bench.values(best.trial.feeding))
    for read in bench.read(raw, search.spec, limit=_WITHIN):
        found = dataclasses.replace(best, read=read, images=bench.count)
        same = read.reading.cause == best.read.reading.cause
        if same and found.typical * CLEAR <= float(np.median(search.before.off)):
            return found
    return None


def _is_recognisable(read: Read) -> bool:
    """Return whether Top-1 is the reference's for half of the images: if not, any change goes in the right direction.

    Weights that are far off leave nothing of the reference's predictions, and then the difference is mostly these.
    """
    return read.agreeing is not None and 2 * read.agreeing >= len(read.rows)


def _in_its_direction(search: Search) -> Tried | None:
    """Return the change whose effect the difference contains, beyond doubt; the first of those that leave as little."""
    bench, few = search.bench, search.few
    before = bench.read(search.unchanged(), search.spec, limit=_WITHIN)[0].rows
    if before.shape != bench.reference_rows.shape:
        return None
    looked = [
        (item, found)
        for item in search.tried
        if item.trial.changes and not item.read.reading.cause and item.images == len(few)
        if len(item.causes) == 1 and item.read.rows.shape == before[few].shape
        if (found := direction(bench.reference_rows[few], before[few], item.read.rows)) is not None and found.may_be
    ]
    sure = []
    for item, _ in sorted(looked, key=lambda pair: pair[1].left)[:_CONFIRMED]:
        raw = bench.answer(search.subject, bench.values(item.trial.feeding))
        read = bench.read(raw, search.spec, limit=_WITHIN)[0]
        found = direction(bench.reference_rows, before, read.rows)
        if found is not None and found.is_sure and _is_recognisable(read):
            sure.append(dataclasses.replace(item, read=read, images=bench.count, direction=found))
    least = min((item.direction.left for item in sure if item.direction), default=0.0)
    order = [item.trial for item in search.tried]
    alike = [item for item in sure if item.direction and item.direction.left <= _ALIKE * least]
    return min(alike, key=lambda item: order.index(item.trial), default=None)
