"""A diagnosis by what is inside the candidate's file: its constants, and what flows through its layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from harness.config import Preprocess
from harness.conversion.formats.target import target_of
from harness.diagnosis.answer import Diagnosis
from harness.diagnosis.answering import alternatives, answer, difference, evidence, found_cause
from harness.diagnosis.bench import key_of
from harness.diagnosis.beside import change_beside
from harness.diagnosis.constants import search_constants
from harness.diagnosis.explanations import Tried
from harness.diagnosis.layers.finding import LayerFinding
from harness.diagnosis.layers.search import IMAGES, Side, find_layer
from harness.diagnosis.layers.shown import as_text
from harness.diagnosis.reference import wrong_reference
from harness.diagnosis.search import Search
from harness.feeding.pipeline import Prepared

_ROUNDED = {"f16": "fp16-weights", "bf16": "bf16-weights", "int8": "int8-weights"}
_WORDS = {"fp16-weights": "FP16", "bf16-weights": "BF16", "int8-weights": "8 bits"}


def search_inside(search: Search) -> Diagnosis | None:
    """Return what is wrong inside the candidate's file; None if nothing is, or it is unknown.

    Rounded weights are the cause where nothing else is wrong in any layer. Images are those that differ most.
    """
    bench = search.bench
    if bench.reference.recorded is not None:
        return None  # its file is not here
    search.progress("the layers of its file")
    config = bench.config
    own, wanted = (config.preprocess_for(model) for model in (bench.candidate, bench.reference))
    if own.is_float == wanted.is_float and own.output_size == wanted.output_size:
        own = wanted  # the same pixels for both: another crop or filter is not a layer
    finding = find_layer(
        Side(bench.reference.backend, bench.reference_spec, _pixels(search, wanted)),
        Side(bench.candidate.backend, search.spec, _pixels(search, own)),
    )
    figures = finding.evidence.get("seen_bgr")
    if figures is not None and (read := search_constants(search, figures)) is not None:
        return wrong_reference(search, read) or answer(search, read)
    cause = _cause(finding)
    if cause is None:
        return None
    if finding.cause == "other-network":
        return _another_network(search, finding)
    causes = (*(item.cause for item in search.around), cause)
    if (beside := change_beside(search, everywhere=cause != "layer")) is not None:
        return _both(search, beside, finding, cause)
    if finding.cause == "fed-otherwise":
        return None  # by two changes, or by none that is known: rounding alone does not explain it
    mend = " ".join((*(item.mend for item in search.around), _mend(search, cause)))
    around = "".join(f"it {item.claim}; " for item in search.around)
    sentence = f"{difference(search)}: {around}{_lower(finding.sentence)}"
    return _by_file(search, finding, causes, sentence, mend)


def _another_network(search: Search, finding: LayerFinding) -> Diagnosis:
    """Return the diagnosis of a file that has nothing to do with the reference, however it is fed and read."""
    bench = search.bench
    mend = f"Use the file that was converted from {bench.reference.id}."
    sentence = (
        f"The candidate {bench.candidate.id} differs from {bench.reference.id} on {bench.count} images however it is "
        f"fed and read: {_lower(finding.sentence)}"
    )
    return _by_file(search, finding, ["other-weights"], sentence, mend)


def _by_file(search: Search, finding: LayerFinding, causes: Sequence[str], sentence: str, mend: str) -> Diagnosis:
    """Return the diagnosis of what is inside the file, with the profile along the network."""
    figures = {**evidence(search, None), "layers": finding.to_json()}
    return found_cause(
        search.bench,
        causes,
        sentence,
        mend,
        figures,
        others=alternatives(search, None),
        profile=as_text(finding),
    )


def is_certain(inside: Diagnosis) -> bool:
    """Whether constants say it. What flows through a layer differs, too, where two other changes are the cause."""
    layers = inside.evidence.get("layers")
    return not (isinstance(layers, dict) and layers.get("cause") == "computation-differs")


def _both(search: Search, beside: Tried, finding: LayerFinding, cause: str) -> Diagnosis:
    """Return the diagnosis of a change of input or output in addition to what is inside the file."""
    found, mend = answer(search, beside), _mend(search, cause)
    return dataclasses.replace(
        found,
        cause=f"{found.cause} + {cause}",
        sentence=f"{found.sentence} What is left is inside the file: {_lower(finding.sentence)} {mend}",
        evidence={**found.evidence, "layers": finding.to_json()},
        mend=f"{found.mend or ''} {mend}".strip(),
        profile=as_text(finding),
    )


def _pixels(search: Search, preprocess: Preprocess) -> Prepared:
    return search.bench.pixels(preprocess)[search.few[:IMAGES]]


def _cause(finding: LayerFinding) -> str | None:
    if finding.verdict == "found":
        return "other-weights" if finding.cause in ("other-weights", "other-network") else "layer"
    if finding.verdict == "clean" and finding.rounding:
        return _ROUNDED[finding.rounding[0]]
    return None


def _mend(search: Search, cause: str) -> str:
    bench = search.bench
    can_convert = target_of(bench.config, bench.candidate) is not None
    again = "Convert again with `harness convert`" if can_convert else "Convert it again from the original"
    if cause not in _WORDS:
        return f"{again}."
    key = key_of(bench.candidate)
    how = f", with `{key}.conversion.weights: f32`," if can_convert else " with weights in f32"
    return f"{again}{how} where parity is expected; otherwise set the gates for {_WORDS[cause]} weights."


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
