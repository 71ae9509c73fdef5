"""A candidate whose file takes whole numbers, which cannot hold what the configured mean and scale give."""

from __future__ import annotations

import dataclasses

import numpy as np

from harness.diagnosis.answer import Diagnosis
from harness.diagnosis.answering import answer
from harness.diagnosis.explanations import Around
from harness.diagnosis.readings import AS_CONFIGURED, Read
from harness.diagnosis.search import Search
from harness.errors import CannotHoldError

_CLAIM = "takes whole numbers, which cannot hold what its mean and scale give"


def of_whole_input(search: Search, error: CannotHoldError) -> Diagnosis:
    """Return how such a file has to be fed. Raises ``error``, which says what to set, where nothing restores parity."""
    bench = search.bench
    search.spec = bench.spec
    search.before = Read(AS_CONFIGURED, np.empty((bench.count, 0), np.float32), np.full(bench.count, np.inf))
    search.subject = bench.open(bench.spec)
    bench.loaded = search.subject.loaded
    plain = dataclasses.replace(bench.own, mean=(0.0, 0.0, 0.0), scale=(1.0, 1.0, 1.0))
    bench.settle(bench.answer(search.subject, bench.values(plain)), bench.spec)
    if found := search.as_fed():
        done, mend = "fed what they give in a copy with a floating input", "Convert it again with a floating input."
        search.around = [Around("input-cast", _CLAIM, done, mend)]
        return answer(search, found)
    search.around = [Around("input-cast", _CLAIM, "", "")]
    found = search.search() or search.search_pairs()
    if found is None:
        raise error
    return answer(search, found)
