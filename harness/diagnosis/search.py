"""The search for what is different: cheap hypotheses first, on few images, until one restores parity."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.diagnosis.bench import DEFAULT_LIMIT, Bench
from harness.diagnosis.explanations import Around, Tried
from harness.diagnosis.preprocessing import differences
from harness.diagnosis.readings import Read, Rows
from harness.diagnosis.subject import CannotFeedError, Subject
from harness.diagnosis.trials import Trial, is_mean_or_scale, mixed, pairs, singles
from harness.errors import DatasetError

FEW = 8  # images of a first look
FEWEST = 2  # where there are hundreds of ways: each fails on almost every image
CLEAR = 4.0  # factor by which a difference has to fall to be explained, in addition to falling to parity
_ROUGH = 1e-4  # an explanation by a mean or scale that leaves more than this may be that of a neighbour


@dataclass
class Search:
    """The state of one search. ``until``: when it has to stop (``time.monotonic``), None: never."""

    bench: Bench
    progress: Callable[[str], None] = lambda _: None
    until: float | None = None
    tried: list[Tried] = field(default_factory=list)
    around: list[Around] = field(default_factory=list)
    subject: Subject = field(init=False)  # the candidate, once it was opened for trials
    _unchanged: tuple[Subject, Rows] | None = field(init=False, default=None)

    @property
    def limit(self) -> float:
        """The largest difference that is parity, however much the gate lets pass."""
        return min(self.bench.limit, DEFAULT_LIMIT)

    @property
    def is_late(self) -> bool:
        """Whether the time is used up."""
        return self.until is not None and time.monotonic() > self.until

    def begin(self) -> bool:
        """Run both models as configured; return whether there is parity. Raises WrongWidthError, ModelError."""
        bench = self.bench
        self.spec = bench.spec
        raw = bench.run_candidate()
        bench.settle(raw, self.spec)
        self.before = bench.read(raw, self.spec, limit=self.limit)[0]
        return self.before.largest <= bench.limit

    @property
    def few(self) -> NDArray[np.int64]:
        """The images of the first look: those with the largest differences."""
        return np.sort(np.argsort(-self.before.off, kind="stable")[:FEW])

    def is_parity(self, read: Read) -> bool:
        """Whether an explanation restores parity by a clear factor."""
        return read.largest <= self.limit and read.largest * CLEAR <= self.before.largest

    def unchanged(self) -> Rows:
        """Return the subject's predictions for all images as the candidate is fed; computed once."""
        if self._unchanged is None or self._unchanged[0] is not self.subject:
            self._unchanged = self.subject, self.bench.answer(self.subject, self.bench.values(self.bench.own))
        return self._unchanged[1]

    def as_fed(self) -> Tried | None:
        """Return what comes of the subject as the candidate is fed, read in every way; None if nothing explains."""
        return self.best(self.confirm(Trial((), self.bench.own)))

    def look(self, trials: Iterable[Trial], reference: Rows | None = None, *, quick: bool = False) -> list[Tried]:
        """Try ways of feeding on few images, and those that restore parity there on all; return their results.

        ``reference``: as ``Bench.read``; ``quick``: on even fewer images first, which most ways fail on.
        """
        accepted: list[Tried] = []
        rounds = (self.few[:FEWEST], self.few) if quick else (self.few,)
        for trial in trials:
            if self.is_late:
                break
            if all(self._looked(trial, rows, reference) for rows in rounds):
                accepted += self.confirm(trial, reference)
        return accepted

    def _looked(self, trial: Trial, rows: NDArray[np.int64], reference: Rows | None) -> bool:
        """Try one way of feeding on some images; return whether one way of reading restores parity there."""
        try:
            raw = self.bench.answer(self.subject, self.bench.values(trial.feeding, rows))
        except (CannotFeedError, DatasetError):  # pixels of another preprocessing may not have travelled
            return False
        reads = self.bench.read(raw, self.spec, rows, self.limit, reference)
        self.tried += [self.of(trial, read, len(rows)) for read in reads]
        return any(read.largest <= self.limit for read in reads)

    def confirm(self, trial: Trial, reference: Rows | None = None) -> list[Tried]:
        """Return every reading of one way of feeding, on all images, that restores parity."""
        try:
            raw = self.bench.answer(self.subject, self.bench.values(trial.feeding))
        except CannotFeedError:
            return []
        reads = self.bench.read(raw, self.spec, limit=self.limit, reference=reference)
        found = [self.of(trial, read, self.bench.count) for read in reads]
        self.tried += found
        return [item for item in found if self.is_parity(item.read)]

    def of(self, trial: Trial, read: Read, images: int) -> Tried:
        """Return an explanation with the causes of its changes and of its reading."""
        causes = (*(change.cause for change in trial.changes), *filter(None, [read.reading.cause]))
        return Tried(trial, read, causes, images)

    def best(self, accepted: list[Tried]) -> Tried | None:
        """Return the explanation with the fewest changes, then the smallest difference."""
        return min(accepted, key=lambda item: (len(item.causes), item.read.largest), default=None)

    def search(self) -> Tried | None:
        """Try one change of what it is fed, with every way of reading. Return what restores parity."""
        single = self.single_trials()
        self.progress("one change of what it is fed")
        if (found := self.as_fed()) is not None:
            return found
        found = self.best(self.look(trial for kind in single.values() for trial in kind))
        if found is None or found.read.largest <= _ROUGH or not is_mean_or_scale(found.trial):
            return found
        near = self.search_mixtures()  # close by is not it: 128 is almost 127.5
        return near if near is not None and near.read.largest * CLEAR <= found.read.largest else found

    def search_mixtures(self) -> Tried | None:
        """Try the mean of one family of models with the scale of another."""
        self.progress("the mean of one family with the scale of another")
        return self.best(self.look(mixed(self.bench.own, self.bench.wanted), quick=True))

    def single_trials(self) -> dict[str, list[Trial]]:
        """Return every way of feeding that takes back one change."""
        bench = self.bench
        own, wanted = bench.own.preprocess, bench.wanted.preprocess
        fitting = [part for part in differences(own, wanted) if part.preprocess.output_size == own.output_size]
        return singles(bench.own, bench.wanted, fitting)

    def search_pairs(self) -> Tried | None:
        """Try two changes of what it is fed, each with every way of reading."""
        self.progress("two changes of what it is fed")
        single = self.single_trials()
        if found := self.best(self.look(pairs(single, self.bench.wanted), quick=True)):
            return found
        others = [*single["color"], *single["pixels"]]
        if not others:
            return None
        return self.best(self.look(mixed(self.bench.own, self.bench.wanted, others), quick=True))
