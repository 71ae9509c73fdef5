"""A candidate whose output cannot hold the labels: what its width says, and whether it agrees when it is read so."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from harness.backends.base import ModelSpec
from harness.diagnosis.answer import Diagnosis
from harness.diagnosis.answering import answer, found_cause
from harness.diagnosis.bench import key_of
from harness.diagnosis.class_count import of_class_count
from harness.diagnosis.explanations import Around, Tried
from harness.diagnosis.readings import AS_CONFIGURED, Read
from harness.diagnosis.running import of_output, other_outputs
from harness.diagnosis.search import Search
from harness.diagnosis.subject import Subject
from harness.diagnosis.trials import Trial
from harness.errors import DeviceError, ModelError, WrongWidthError


def of_another_width(search: Search, error: WrongWidthError) -> Diagnosis | None:
    """Return what is wrong with an output of another width; None if only its feeding is wrong, too.

    The search is then set to read the output as its width says. Raises ``error`` where nothing is known of the width.
    """
    bench, width = search.bench, error.width
    if width is None:
        raise error
    if counted := of_class_count(search, width):
        return counted
    search.before = Read(AS_CONFIGURED, np.empty((bench.count, 0), np.float32), np.full(bench.count, np.inf))
    for spec, dropped, around in _readings_of(search, width):
        bench.dropped = dropped
        try:
            subject = bench.open(spec)
        except (ModelError, DeviceError):
            continue
        raw = bench.answer(subject, bench.values(bench.own))
        bench.loaded = subject.loaded
        bench.settle(raw, spec)
        search.spec, search.subject = spec, subject
        search.around = [around]
        found = search.as_fed()
        return answer(search, found) if found else None
    bench.dropped = 0
    return _other_output(search, error)


def _readings_of(search: Search, width: int) -> Iterator[tuple[ModelSpec, int, Around]]:
    bench = search.bench
    key, classes, spec = key_of(bench.candidate), bench.config.dataset.classes, bench.spec
    done = f"read with {width} values per image instead of {spec.outputs}"
    if width in (classes, classes + 1) and width != spec.outputs:
        has = width == classes + 1
        claim = f"has {'a' if has else 'no'} background class"
        mend = f"Set `{key}.background_class: {str(has).lower()}`."
        changed = dataclasses.replace(spec, outputs=width, background=has)
        yield changed, 0, Around("background-class", claim, done, mend)
    if width == spec.outputs + 1:
        claim = "has one class more in front, as if the background were counted twice"
        mend = "Convert it again without the additional class."
        yield dataclasses.replace(spec, outputs=width), 1, Around("background-class", claim, done, mend)


def _other_output(search: Search, error: WrongWidthError) -> Diagnosis:
    """Return the diagnosis of a wrong output: with the right one's name, where the file has it."""
    bench = search.bench
    candidate, spec = bench.candidate, bench.spec
    for name in other_outputs(bench):
        changed = dataclasses.replace(spec, output=name)
        try:
            with Subject(candidate.backend, changed) as subject:
                raw = bench.answer(subject, bench.values(bench.own))
                bench.loaded = subject.loaded
        except (ModelError, DeviceError):
            continue
        bench.settle(raw, changed)
        for read in bench.read(raw, changed, limit=search.limit):
            if read.largest <= search.limit:
                search.around = [of_output(search, name)]
                return answer(search, Tried(Trial((), bench.own), read, (), bench.count))
    named = f"'{spec.output}'" if spec.output else "the output"
    sentence = (
        f"The candidate {candidate.id} has {error.width} values per image at {named}, but the labels need "
        f"{spec.outputs}: it is another output than the one with the probabilities, and none of the file's outputs "
        f"agrees with {bench.reference.id}."
    )
    key = key_of(candidate)
    mend = f"Convert it again with the output of {bench.reference.id}, or set `{key}.output`."
    evidence = {"images": 0, "values_an_image": error.width, "values_needed": spec.outputs}
    return found_cause(bench, ["wrong-output"], sentence, mend, evidence)
