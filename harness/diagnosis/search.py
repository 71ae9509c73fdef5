"""The search for what is different: cheap hypotheses first, on few images, until one restores parity."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.backends.registry import facts_of
from harness.diagnosis import wording
from harness.diagnosis.answer import Alternative, Diagnosis, joined, number
from harness.diagnosis.bench import DEFAULT_LIMIT, Bench, key_of
from harness.diagnosis.feedings import Trial, pairs, singles
from harness.diagnosis.preprocessing import differences
from harness.diagnosis.readings import Read
from harness.diagnosis.subject import CannotFeedError, Subject
from harness.errors import DeviceError, HarnessError, ModelError

FEW = 8  # images of a first look
CLEAR = 4.0  # times that a difference has to fall to be explained, besides falling to parity
NOISE = 2e-5  # of rounding in another order; two explanations that come to less are equally good
_OTHERS = 8  # outputs that are tried
_SHOWN = 6  # alternatives


@dataclass(frozen=True)
class Tried:
    """One explanation and what it came to. ``claims``, ``done``: of what is outside of feeding and reading."""

    trial: Trial | None
    read: Read
    causes: tuple[str, ...]
    images: int

    @property
    def cause(self) -> str:
        """The identifiers of all parts."""
        return " + ".join(self.causes)

    @property
    def typical(self) -> float:
        """The median over the images of the largest difference."""
        return float(np.median(self.read.off)) if len(self.read.off) else 0.0


@dataclass(frozen=True)
class Around:
    """A change of how the candidate is run, and not of how it is fed or read: claim, what was done, mend, by cause."""

    cause: str
    claim: str
    done: str
    mend: str


@dataclass
class Search:
    """The state of one search. ``until``: when it has to stop (``time.monotonic``), None: never."""

    bench: Bench
    progress: Callable[[str], None] = lambda _: None
    until: float | None = None
    tried: list[Tried] = field(default_factory=list)
    around: list[Around] = field(default_factory=list)

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

    # What is tried -----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the candidate for trials: in f32 where it runs in less and the device or the CPU has it."""
        bench = self.bench
        effective = bench.loaded.effective_precision
        precisions = facts_of(bench.candidate.backend).precisions
        if effective != "f32" and "f32" in precisions:
            for device in dict.fromkeys((self.spec.device, "CPU")):
                spec = dataclasses.replace(self.spec, precision="f32", device=device)
                try:
                    self.subject: Subject = bench.open(spec)
                except (ModelError, DeviceError):
                    continue
                if self.subject.loaded.effective_precision == "f32":
                    self.spec = spec
                    self._precision(effective)
                    return
        self.subject = bench.open(self.spec)

    def _precision(self, effective: str) -> None:
        bench = self.bench
        key = key_of(bench.candidate)
        asked = bench.candidate.precision
        wanted = f"Set `{key}.precision: f32` where parity is wanted"
        mend = f"{wanted}; otherwise it is no fault: set the gates for {effective}"
        device = f" on {bench.candidate.device}" if bench.candidate.device != "CPU" else ""
        self.around.append(
            Around(
                "device-precision",
                f"computes in {effective}{device}" + (f" although {asked} was asked for" if asked == "f32" else ""),
                "run in f32",
                f"{mend}.",
            )
        )

    def as_fed(self) -> Tried | None:
        """Return what comes of the subject as the candidate is fed, read in every way; None where nothing explains."""
        return self.best(self.confirm(Trial((), self.bench.own)))

    def look(self, trials: Iterable[Trial]) -> list[Tried]:
        """Try ways of feeding on few images, and those that restore parity there on all; return what they came to."""
        accepted: list[Tried] = []
        few = self.few
        for trial in trials:
            if self.is_late:
                break
            try:
                raw = self.bench.answer(self.subject, self.bench.values(trial.feeding, few))
            except CannotFeedError:
                continue
            reads = self.bench.read(raw, self.spec, few, self.limit)
            for read in reads:
                self.tried.append(self._tried(trial, read, len(few)))
            if any(read.largest <= self.limit for read in reads):
                accepted += self.confirm(trial)
        return accepted

    def confirm(self, trial: Trial) -> list[Tried]:
        """Return every reading of one way of feeding, on all images, that restores parity."""
        try:
            raw = self.bench.answer(self.subject, self.bench.values(trial.feeding))
        except CannotFeedError:
            return []
        reads = self.bench.read(raw, self.spec, limit=self.limit)
        found = [self._tried(trial, read, self.bench.count) for read in reads]
        self.tried += found
        return [item for item in found if self.is_parity(item.read)]

    def _tried(self, trial: Trial, read: Read, images: int) -> Tried:
        causes = (*(change.cause for change in trial.changes), *filter(None, [read.reading.cause]))
        return Tried(trial, read, causes, images)

    def best(self, accepted: list[Tried]) -> Tried | None:
        """Return the explanation with the fewest changes, then the smallest difference."""
        return min(accepted, key=lambda item: (len(item.causes), item.read.largest), default=None)

    def search(self) -> Tried | None:
        """Try one change, then what is done around the model, then two changes. Return what restores parity."""
        single = self.single_trials()
        self.progress("one change of what it is fed")
        if (found := self.as_fed()) is not None:
            return found
        if found := self.best(self.look(trial for kind in single.values() for trial in kind)):
            return found
        return None

    def single_trials(self) -> dict[str, list[Trial]]:
        """Return every way of feeding that takes back one change."""
        bench = self.bench
        return singles(bench.own, bench.wanted, differences(bench.own.preprocess, bench.wanted.preprocess))

    def search_pairs(self) -> Tried | None:
        """Try two changes of what it is fed, each with every way of reading."""
        self.progress("two changes of what it is fed")
        return self.best(self.look(pairs(self.single_trials(), self.bench.wanted)))

    def search_batch(self) -> Tried | None:
        """Ask image by image: every batch is filled with one image."""
        batch = self.subject.loaded.details.get("batch")
        size = batch if isinstance(batch, int) and batch > 1 else 0
        if not size:
            return None
        self.progress("images alone in their batch")
        few = self.few
        values = np.repeat(self.bench.values(self.bench.own, few), size, axis=0)
        raw = self.bench.answer(self.subject, values)[::size]
        read = self.bench.read(raw, self.spec, few, self.limit)[0]
        if not self.is_parity(read):
            return None
        key = key_of(self.bench.candidate)
        self.around.append(
            Around(
                "batch",
                f"answers batches of {size} wrongly",
                "asked image by image",
                f"Convert it again with a free batch dimension, or set `{key}.batch: 1`.",
            )
        )
        return self._tried(Trial((), self.bench.own), read, len(few))

    def search_outputs(self) -> Tried | None:
        """Read each other output of the file that has as many values."""
        names = other_outputs(self.bench)
        if not names:
            return None
        self.progress("other outputs")
        for name in names[:_OTHERS]:
            if self.is_late:
                break
            spec = dataclasses.replace(self.spec, output=name)
            try:
                with Subject(self.bench.candidate.backend, spec) as subject:
                    raw = self.bench.answer(subject, self.bench.values(self.bench.own))
            except (ModelError, DeviceError):
                continue
            for read in self.bench.read(raw, spec, limit=self.limit):
                if self.is_parity(read):
                    self.around.append(self.of_output(name))
                    return self._tried(Trial((), self.bench.own), read, self.bench.count)
        return None

    def of_output(self, name: str) -> Around:
        """Return what is said where another output is the right one."""
        key = key_of(self.bench.candidate)
        return Around(
            "wrong-output",
            "is read at another output than the one with the probabilities",
            f"read at '{name}' instead of '{self.bench.spec.output or 'the only one'}'",
            f"Set `{key}.output: {name}`.",
        )

    # What is said ------------------------------------------------------------------------------------------------

    def answer(self, found: Tried, *, around: list[Around] | None = None) -> Diagnosis:
        """Return the diagnosis of an explanation that restores parity."""
        bench = self.bench
        beside = self.around if around is None else around
        reading, trial = found.read.reading, found.trial
        claims = [item.claim for item in beside]
        done = [item.done for item in beside]
        for change in trial.changes if trial else ():
            assert trial is not None
            claims.append(wording.claim(change, trial))
            done.append(wording.done(change, bench.own, trial))
        if reading.cause:
            claims.append(wording.reading_claim(reading))
            done.append(wording.reading_done(reading))
        mends = [item.mend for item in beside]
        mends.append(wording.mend(bench.config, bench.candidate, bench.own, bench.wanted, trial, reading))
        mend = " ".join(filter(None, mends))
        causes = (*(item.cause for item in beside), *found.causes)
        before, after = self.before.largest, number(found.read.largest)
        difference = f"the largest probability difference on {found.images} images"
        falls = (
            f"{difference} falls from {number(before)} to {after}"
            if math.isfinite(before)
            else f"{difference} is {after}"
        )
        sentence = f"The candidate {bench.candidate.id} {joined(claims)}: {joined(done)}, {falls}."
        return Diagnosis(
            bench.candidate.id,
            bench.reference.id,
            "found",
            " + ".join(causes),
            f"{sentence} {mend}".strip(),
            self.evidence(found),
            mend or None,
            self.alternatives(found),
        )

    def evidence(self, found: Tried | None) -> dict[str, object]:
        """Return the figures: images, differences before and after, limit, answers that agree, precision."""
        bench = self.bench
        figures: dict[str, object] = {
            "images": bench.count,
            "limit": self.limit,
            "max_abs_diff_before": self.before.largest,
            "top1_agreement_before": self._agreement(self.before),
            "effective_precision": bench.loaded.effective_precision,
        }
        if found is not None:
            figures["max_abs_diff_after"] = found.read.largest
            if len(found.read.rows) == bench.count:
                figures["top1_agreement_after"] = self._agreement(found.read)
        return figures

    def _agreement(self, read: Read) -> int | None:
        if read.rows.shape != self.bench.reference_rows.shape:
            return None
        return int((read.rows.argmax(axis=1) == self.bench.reference_rows.argmax(axis=1)).sum())

    def alternatives(self, found: Tried | None) -> tuple[Alternative, ...]:
        """Return the next best explanations, the best first; one of a cause and its words."""
        chosen = {self._words(found)} if found is not None else set()
        ranked = sorted(self.tried, key=lambda item: (-item.images, item.read.largest, len(item.causes)))
        kept: dict[str, Alternative] = {}
        for item in ranked:
            words = self._words(item)
            if not item.causes or words in chosen or words in kept:
                continue
            largest = item.read.largest
            equal = (
                found is not None and self.is_parity(item.read) and largest <= max(CLEAR * found.read.largest, NOISE)
            )
            kept[words] = Alternative(item.cause, words, largest, item.images, equal)
        best = sorted(kept.values(), key=lambda item: (not item.equal, item.max_abs_diff))
        return tuple(best[:_SHOWN])

    def _words(self, item: Tried) -> str:
        parts = [change.words for change in item.trial.changes] if item.trial else []
        return " and ".join([*parts, *([item.read.reading.words] if item.read.reading.cause else [])])


def other_outputs(bench: Bench) -> list[str]:
    """Return the names of the outputs that the candidate's file has besides the configured one."""
    try:
        outputs = facts_of(bench.candidate.backend).describe(bench.candidate.model).outputs
    except HarnessError:
        return []
    return [port.name for port in outputs if not port.is_called(bench.spec.output)]


def nothing_explains(search: Search) -> Diagnosis:
    """Return the answer where no hypothesis restores parity."""
    bench = search.bench
    closest = search.alternatives(None)
    kinds = len({item.cause for item in search.tried if item.causes})
    tail = ""
    if closest and closest[0].max_abs_diff is not None:
        tail = f" The closest was {closest[0].cause} with {number(closest[0].max_abs_diff)}, which is no parity."
    sentence = (
        f"The candidate {bench.candidate.id} differs from {bench.reference.id} by up to "
        f"{number(search.before.largest)} in a probability on {bench.count} images, and none of the {kinds} kinds of "
        f"causes that were tried explains it.{tail}"
    )
    return Diagnosis(
        bench.candidate.id,
        bench.reference.id,
        "unknown",
        None,
        sentence,
        search.evidence(None),
        None,
        closest,
    )
