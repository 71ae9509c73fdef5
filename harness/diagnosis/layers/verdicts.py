"""From what was compared to one answer: the constants first, then what flows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.diagnosis.layers import sentences
from harness.diagnosis.layers.activations import Profile, diverging, is_fed_otherwise
from harness.diagnosis.layers.alike import channel_factors
from harness.diagnosis.layers.finding import LayerFinding, Row, cause_of, evidence_of
from harness.diagnosis.layers.layer import Doubles
from harness.diagnosis.layers.weights import LayerWeights, WeightsComparison, compared_weights
from harness.text import printable

_CALIBRATION = " Check the calibration: 8-bit activations with other limits or zero points have this effect."
_ENOUGH = 3  # layers of a network that can be distinguished from another
_AGREE = 1e-3  # of a probability: the parity gate's usual limit


def verdict(weights: WeightsComparison, profile: Profile | None, rows: tuple[Row, ...], precision: str) -> LayerFinding:
    """Return the answer, without its rows. ``precision``: that the candidate ran at, as it reports it."""
    kind = _kind(precision, weights)
    return _by_weights(weights) or _by_values(weights, profile, rows, kind)


def _kind(precision: str, weights: WeightsComparison) -> str:
    stored = {side.storage for item in weights.layers for side in (item.match.reference, item.match.candidate)}
    if "int" in precision or "int" in stored or "int8" in weights.rounding:
        return "int"
    narrow = precision != "f32" or weights.rounding or stored & {"f16", "bf16"}
    return "narrow" if narrow else "f32"


def nothing_matched(weights: WeightsComparison) -> LayerFinding:
    """Return the answer where not one layer could be matched."""
    if another := _another_network(weights):
        return another
    counts = len(weights.matching.only_reference), len(weights.matching.only_candidate)
    return LayerFinding(
        "unknown",
        f"None of the original's {counts[0]} layers with weights has a counterpart among the candidate's {counts[1]}, "
        "so no layer can be named.",
    )


def _by_weights(weights: WeightsComparison) -> LayerFinding | None:
    """Return what the constants alone say; None if they are the same but for rounding."""
    missing, more = weights.matching.only_reference, weights.matching.only_candidate
    if another := _another_network(weights):
        return another
    if weights.verdict == "another_model":
        weighted = _weighted(weights)
        changed = [layer for layer in weighted if layer.weights == "changed"]
        if scaled := _scaled_everywhere(changed, len(weighted)):
            return scaled
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


def _weighted(weights: WeightsComparison) -> list[LayerWeights]:
    return [layer for layer in weights.layers if layer.match.reference.kind != "scale"]


def _another_network(weights: WeightsComparison) -> LayerFinding | None:
    """Return the answer where most layers of either network have no counterpart in the other; None if they have.

    A candidate of which only a part could be read has counterparts for what was read.
    """
    same = len(_weighted(weights))
    ours, theirs = (same + len(own) for own in (weights.matching.only_reference, weights.matching.only_candidate))
    if theirs < _ENOUGH or 2 * same >= ours or 2 * same >= theirs:
        return None
    return LayerFinding(
        "found",
        f"The candidate is a different network: of its {theirs} layers with weights and the original's {ours}, only "
        f"{same} correspond.",
        "other-network",
        evidence={"layers_of_reference": ours, "layers_of_candidate": theirs, "layers_in_both": same},
    )


def _scaled_everywhere(changed: Sequence[LayerWeights], total: int) -> LayerFinding | None:
    """Return the answer where all changed weights are the original's times one factor for each output channel."""
    if any(layer.how != "scaled" for layer in changed):
        return None
    factors = np.concatenate([_factors(layer) for layer in changed])
    low, high = float(factors.min()), float(factors.max())
    why = (
        f", all {'below' if high < 1 else 'above'} 1, as a {'larger' if high < 1 else 'smaller'} epsilon of the batch "
        "normalisations gives"
        if high < 1 or low > 1
        else ", as other statistics or factors of the batch normalisations give"
    )
    return LayerFinding(
        "found",
        f"The weights of {len(changed)} of the {total} layers are the original's times one factor for each output "
        f"channel ({low:.5g} to {high:.5g}){why}.",
        "weights-scaled",
        evidence={"layers_changed": len(changed), "factors": [low, high]},
    )


def _factors(layer: LayerWeights) -> Doubles:
    """Return the factors of the output channels that changed, float64 (channels,)."""
    factors = channel_factors(*compared_weights(layer.match))
    assert factors is not None  # `how` says so
    return np.asarray(factors[list(layer.channels)])


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
        return LayerFinding("clean", f"{same}; no image was inspected.")
    fed = next((layer for layer in weights.layers if layer.weights == "input"), None)
    place = diverging(profile, kind)
    if place is not None and fed is None:
        return _diverges(profile, rows, place, f"{same}.{_CALIBRATION if kind == 'int' else ''}")
    if fed is not None or is_fed_otherwise(profile, kind):
        how = f": it is given {fed.note}" if fed else ""
        return LayerFinding(
            "clean",
            f"{same}, and each gives what the original's does for the same input, but the first one is fed something "
            f"else{how}.",
            "fed-otherwise",
            evidence=_seen(fed) if fed else {},
        )
    if not any(row.alone or row.inside for row in profile.rows):
        return LayerFinding(
            "unknown",
            f"{same}; what flows between them cannot be determined, because the candidate's predictions move by "
            f"{profile.disturbed:.2g} when its operations are observed.",
        )
    seen = [row.alone or row.inside for row in profile.rows]
    least = min(item.snr_db for item in seen if item)
    if kind == "f32" and profile.answers > _AGREE:
        return LayerFinding(
            "unknown",
            f"{same} and each gives what the original's does (at least {least:.0f} dB), but the predictions differ by "
            f"{profile.answers:.2g}: the difference is outside them.",
        )
    return LayerFinding(
        "clean",
        f"{same}, and each gives what the original's does for the same input, with at least {least:.0f} dB of signal "
        f"to noise; the predictions differ by {profile.answers:.2g}.",
        evidence={"least_snr_db": least},
    )


def _seen(fed: LayerWeights) -> dict[str, object]:
    """Return a note on what the first layer is given, and figures if the constants tell them."""
    if fed.seen is None:
        return {"fed": fed.note}
    figures = {"order": list(fed.seen.order), "factor": fed.seen.factor.tolist(), "offset": fed.seen.offset.tolist()}
    return {"fed": fed.note, "seen_bgr": figures}


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
        f"{where}, the candidate computes something else: {values}{limits}. {same}",
        "computation-differs",
        one,
        other,
        evidence={"snr_db": found.snr_db if found else None, "limits": seen.limits},
    )
