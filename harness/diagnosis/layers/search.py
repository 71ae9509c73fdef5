"""The search for the layer in which a candidate departs from its reference: constants first, then what flows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from harness.backends.base import ModelSpec, Pixels
from harness.backends.observing import Observer
from harness.backends.opening import open_backend
from harness.backends.registry import backends, facts_of, load_target
from harness.diagnosis.layers import sentences
from harness.diagnosis.layers.activations import Profile, diverging, is_fed_otherwise, observe
from harness.diagnosis.layers.finding import LayerFinding, Row, cause_of, evidence_of, rows_of
from harness.diagnosis.layers.layer import layers_of
from harness.diagnosis.layers.matching import match
from harness.diagnosis.layers.weights import WeightsComparison, compare
from harness.errors import ModelError
from harness.text import printable

_IMAGES = 4
_AGREE = 1e-3  # of a probability: the parity gate's usual limit


@dataclass(frozen=True)
class Side:
    """A model as it would be run: its backend's name, what that needs to load it, and decoded pixels for it.

    ``pixels``: as ``Backend.infer`` takes them; the first few are looked at.
    """

    backend: str
    spec: ModelSpec
    pixels: Pixels


def compare_weights(reference: Side, candidate: Side) -> WeightsComparison:
    """Compare all constants of two models; nothing is run. Raises ModelError where one cannot be looked into."""
    with _opened(reference) as (one, _), _opened(candidate) as (other, _):
        return _compared(reference, candidate, one, other)


def find_layer(reference: Side, candidate: Side, *, images: int = _IMAGES) -> LayerFinding:
    """Return which layer of the candidate is not the reference's.

    A model that cannot be looked into gives the verdict `unknown` with the reason. Raises ModelError or DeviceError
    where one cannot be loaded or run at all.
    """
    for side in (reference, candidate):
        if reason := unobservable(side):
            return LayerFinding("unknown", reason)
    with _opened(reference) as (one, _), _opened(candidate) as (other, precision):
        weights = _compared(reference, candidate, one, other)
        if not weights.layers:
            return _nothing_matched(weights)
        pixels = reference.pixels[:images], candidate.pixels[:images]
        profile = observe([layer.match for layer in weights.layers], one, other, pixels) if len(pixels[0]) else None
    kind = _kind(precision, weights)
    rows = rows_of(weights, profile)
    finding = _by_weights(weights) or _by_values(weights, profile, rows, kind)
    looked = {
        "layers_compared": len(weights.layers),
        "layers_of_reference_only": [layer.name for layer in weights.matching.only_reference],
        "layers_of_candidate_only": [layer.name for layer in weights.matching.only_candidate],
        "matched_by": {how: sum(1 for item in weights.layers if item.match.by == how) for how in _HOW},
    }
    ran = (
        {
            "images": profile.images,
            "answers_differ_by": profile.answers,
            "observing_changes_answers_by": profile.disturbed,
        }
        if profile
        else {}
    )
    evidence = {**looked, **ran, **finding.evidence}
    return replace(finding, rows=rows, rounding=weights.rounding, evidence=evidence)


_HOW = ("name", "weights", "order")


def unobservable(side: Side) -> str | None:
    """Say why a model cannot be looked into; None where it can."""
    facts = facts_of(side.backend)
    if facts.observer is None:
        able = ", ".join(name for name, other in backends().items() if other.observer)
        return f"{side.spec.id}: the layers of a {facts.title} model cannot be looked at; those of {able} can."
    if side.spec.isolate:
        return f"{side.spec.id}: has loops, so it runs in a process of its own, where its layers cannot be looked at."
    return None


@contextmanager
def _opened(side: Side) -> Iterator[tuple[Observer, str]]:
    if reason := unobservable(side):
        raise ModelError(reason)
    with (
        open_backend(side.backend, side.spec) as backend,
        load_target(facts_of(side.backend).observer or "")(backend) as observer,
    ):
        yield observer, backend.loaded.effective_precision


def _compared(reference: Side, candidate: Side, one: Observer, other: Observer) -> WeightsComparison:
    ours = layers_of(one.network, reference.spec.input)
    theirs = layers_of(other.network, candidate.spec.input)
    return compare(match(ours, theirs))


def _kind(precision: str, weights: WeightsComparison) -> str:
    stored = {side.storage for item in weights.layers for side in (item.match.reference, item.match.candidate)}
    if "int" in precision or "int" in stored or "int8" in weights.rounding:
        return "int"
    narrow = precision != "f32" or weights.rounding or stored & {"f16", "bf16"}
    return "narrow" if narrow else "f32"


def _nothing_matched(weights: WeightsComparison) -> LayerFinding:
    counts = len(weights.matching.only_reference), len(weights.matching.only_candidate)
    return LayerFinding(
        "unknown",
        f"None of the original's {counts[0]} layers with weights has a counterpart among the candidate's {counts[1]}, "
        "so no layer can be named.",
    )


def _by_weights(weights: WeightsComparison) -> LayerFinding | None:
    """Return what the constants alone say; None where they are the same but for rounding."""
    missing, more = weights.matching.only_reference, weights.matching.only_candidate
    if weights.verdict == "another_model":
        weighted = [layer for layer in weights.layers if layer.match.reference.kind != "scale"]
        changed = [layer for layer in weighted if layer.weights == "changed"]
        middle = sorted(layer.relative for layer in changed)[len(changed) // 2]
        return LayerFinding(
            "found",
            f"The candidate has other weights: those of {len(changed)} of its {len(weighted)} layers differ from the "
            f"original's, by {100 * middle:.2g} % in the middle.",
            "other-weights",
            evidence={"layers_changed": len(changed), "middle_relative_difference": middle},
        )
    if weights.changed:
        first = weights.changed[0]
        return LayerFinding(
            "found",
            sentences.of_changed(first, weights),
            cause_of(first),
            first.match.reference.name,
            first.match.candidate.name,
            evidence={
                **evidence_of(first),
                "also_changed": [item.match.reference.name for item in weights.changed[1:]],
            },
        )
    if weights.verdict == "unknown":
        return LayerFinding(
            "unknown",
            f"Only {len(weights.layers)} of the original's {len(weights.layers) + len(missing)} layers were found in "
            "the candidate, so no layer can be named.",
        )
    if missing and not more:
        return LayerFinding(
            "found",
            f"{_missing([layer.name for layer in missing])} missing in the candidate; the "
            f"other {len(weights.layers)} match {sentences.within(weights)}.",
            "layer-missing",
            missing[0].name,
        )
    return None


def _missing(names: list[str]) -> str:
    first = f"`{printable(names[0])}`"
    return (
        f"The original's layer {first} is"
        if len(names) == 1
        else f"{len(names)} of the original's layers, {first} first, are"
    )


def _by_values(weights: WeightsComparison, profile: Profile | None, rows: tuple[Row, ...], kind: str) -> LayerFinding:
    """Return what the values along the network say, where all constants are the same."""
    same = f"The constants of all {len(weights.layers)} layers match {sentences.within(weights)}"
    if profile is None:
        return LayerFinding("clean", f"{same}; no image was looked at.")
    fed = next((layer for layer in weights.layers if layer.weights == "input"), None)
    place = diverging(profile, kind)
    if place is not None and fed is None:
        return _diverges(profile, rows, place, same)
    if fed is not None or is_fed_otherwise(profile, kind):
        how = f": it is given {fed.note}" if fed else ""
        return LayerFinding(
            "clean",
            f"{same}, and each gives what the original's does for the same input, but the first one is fed something "
            f"else{how}.",
            "fed-otherwise",
            evidence={"fed": fed.note} if fed else {},
        )
    if not any(row.alone or row.inside for row in profile.rows):
        return LayerFinding(
            "unknown",
            f"{same}; what flows between them cannot be told, because the candidate's answers move by "
            f"{profile.disturbed:.2g} when its operations are observed.",
        )
    seen = [row.alone or row.inside for row in profile.rows]
    least = min(item.snr_db for item in seen if item)
    if kind == "f32" and profile.answers > _AGREE:
        return LayerFinding(
            "unknown",
            f"{same} and each gives what the original's does (at least {least:.0f} dB), but the answers differ by "
            f"{profile.answers:.2g}: what differs lies outside them.",
        )
    return LayerFinding(
        "clean",
        f"{same}, and each gives what the original's does for the same input, with at least {least:.0f} dB of signal "
        f"to noise; the answers differ by {profile.answers:.2g}.",
        evidence={"least_snr_db": least},
    )


def _diverges(profile: Profile, rows: tuple[Row, ...], place: int, same: str) -> LayerFinding:
    seen = profile.rows[place]
    named = next(
        (row for row in rows if row.weights is not None and row.alone is seen.alone and row.inside is seen.inside), None
    )
    one, other = (named.reference, named.candidate) if named else (seen.reference, seen.candidate)
    found = seen.alone or seen.inside
    before = f"behind `{printable(rows[place - 1].reference)}`" if place else "at the input"
    where = f"At {sentences.both(one, other)}, or between it and what comes {before}"
    values = f"{found.snr_db:.0f} dB signal to noise, cosine {found.cosine:.4f}" if found else ""
    limits = ""
    if seen.limits:
        (low, high), (there_low, there_high) = seen.limits
        limits = f"; values reach from {there_low:.4g} to {there_high:.4g}, the original's from {low:.4g} to {high:.4g}"
    return LayerFinding(
        "found",
        f"{where}, the candidate computes something else: {values}{limits}. {same}.",
        "computation-differs",
        one,
        other,
        evidence={"snr_db": found.snr_db if found else None, "limits": seen.limits},
    )
