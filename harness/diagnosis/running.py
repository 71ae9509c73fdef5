"""How a candidate is run, and not how it is fed or read: its precision, its batch, its output."""

from __future__ import annotations

import dataclasses

import numpy as np

from harness.backends.registry import facts_of
from harness.diagnosis.bench import Bench, key_of
from harness.diagnosis.explanations import Around, Tried
from harness.diagnosis.search import Search
from harness.diagnosis.subject import Subject
from harness.diagnosis.trials import Trial
from harness.errors import DeviceError, HarnessError, ModelError

_OTHERS = 8  # outputs that are tried


def open_for_trials(search: Search) -> None:
    """Open the candidate for trials: in f32 where it runs in less and the device or the CPU has it."""
    bench = search.bench
    effective = bench.loaded.effective_precision
    precisions = facts_of(bench.candidate.backend).precisions
    if effective != "f32" and "f32" in precisions:
        for device in dict.fromkeys((search.spec.device, "CPU")):
            spec = dataclasses.replace(search.spec, precision="f32", device=device)
            try:
                search.subject = bench.open(spec)
            except (ModelError, DeviceError):
                continue
            if search.subject.loaded.effective_precision == "f32":
                search.spec = spec
                _name_precision(search, effective)
                return
    search.subject = bench.open(search.spec)


def _name_precision(search: Search, effective: str) -> None:
    bench = search.bench
    key = key_of(bench.candidate)
    asked = bench.candidate.precision
    wanted = f"Set `{key}.precision: f32` where parity is expected"
    mend = f"{wanted}; otherwise it is not a fault: set the gates for {effective}"
    device = f" on {bench.candidate.device}" if bench.candidate.device != "CPU" else ""
    search.around.append(
        Around(
            "device-precision",
            f"computes in {effective}{device}" + (f" although {asked} was requested" if asked == "f32" else ""),
            "run in f32",
            f"{mend}.",
        )
    )


def search_batch(search: Search) -> Tried | None:
    """Run image by image: every batch is filled with one image."""
    batch = search.subject.loaded.details.get("batch")
    size = batch if isinstance(batch, int) and batch > 1 else 0
    if not size:
        return None
    search.progress("one image per batch")
    few = search.few
    values = np.repeat(search.bench.values(search.bench.own, few), size, axis=0)
    raw = search.bench.answer(search.subject, values)[::size]
    read = search.bench.read(raw, search.spec, few, search.limit)[0]
    if not search.is_parity(read):
        return None
    key = key_of(search.bench.candidate)
    search.around.append(
        Around(
            "batch",
            f"gives wrong predictions for batches of {size}",
            "run image by image",
            f"Convert it again with a free batch dimension, or set `{key}.batch: 1`.",
        )
    )
    return search.of(Trial((), search.bench.own), read, len(few))


def search_outputs(search: Search) -> Tried | None:
    """Read each other output of the file that has as many values."""
    names = other_outputs(search.bench)
    if not names:
        return None
    search.progress("other outputs")
    for name in names[:_OTHERS]:
        if search.is_late:
            break
        spec = dataclasses.replace(search.spec, output=name)
        try:
            with Subject(search.bench.candidate.backend, spec) as subject:
                raw = search.bench.answer(subject, search.bench.values(search.bench.own))
        except (ModelError, DeviceError):
            continue
        for read in search.bench.read(raw, spec, limit=search.limit):
            if search.is_parity(read):
                search.around.append(of_output(search, name))
                return search.of(Trial((), search.bench.own), read, search.bench.count)
    return None


def of_output(search: Search, name: str) -> Around:
    """Return what is said where another output is the right one."""
    key = key_of(search.bench.candidate)
    return Around(
        "wrong-output",
        "is read at an output that is not the one with the probabilities",
        f"read at '{name}' instead of '{search.bench.spec.output or 'the only one'}'",
        f"Set `{key}.output: {name}`.",
    )


def other_outputs(bench: Bench) -> list[str]:
    """Return the names of the other outputs of the candidate's file."""
    try:
        outputs = facts_of(bench.candidate.backend).describe(bench.candidate.model).outputs
    except HarnessError:
        return []
    return [port.name for port in outputs if not port.is_called(bench.spec.output)]
