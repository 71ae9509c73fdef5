"""A change of feeding or reading besides weights that are rounded or changed: there is no parity to be restored."""

from __future__ import annotations

import dataclasses

import numpy as np

from harness.diagnosis.casts import cast_beside
from harness.diagnosis.explanations import Tried
from harness.diagnosis.search import CLEAR, Search
from harness.diagnosis.trials import Trial

_ALIKE = 1.2  # times the least difference: what is no better than that is not told apart, and the first one is named
_WITHIN = 0.25  # of a probability: what other weights may move while the order of classes is looked at


def change_beside(search: Search) -> Tried | None:
    """Return the one change that brings the models closer by a clear factor, on all images; None: there is none.

    The median over the images of the largest difference has to fall by ``CLEAR``. Only what was tried alone counts.
    """
    bench = search.bench
    few = search.few
    tried = [item for item in search.tried if len(item.causes) == 1 and item.images == len(few)]
    raw = bench.answer(search.subject, bench.values(bench.own, few))
    reads = [read for read in bench.read(raw, search.spec, few, _WITHIN) if read.reading.cause]
    tried += [Tried(Trial((), bench.own), read, (read.reading.cause,), len(few)) for read in reads]
    least = min((item.typical for item in tried), default=0.0)
    best = next((item for item in tried if item.typical <= _ALIKE * least), None)
    if best is None or best.typical * CLEAR > float(np.median(search.before.off[few])):
        return cast_beside(search)
    raw = bench.answer(search.subject, bench.values(best.trial.feeding))
    for read in bench.read(raw, search.spec, limit=_WITHIN):
        found = dataclasses.replace(best, read=read, images=bench.count)
        same = read.reading.cause == best.read.reading.cause
        if same and found.typical * CLEAR <= float(np.median(search.before.off)):
            return found
    return None
