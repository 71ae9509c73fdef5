"""What the search for a layer says: a verdict, the operation, a sentence with its evidence, and the profile."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from harness.diagnosis.answer import finite
from harness.diagnosis.layers.activations import Difference, Profile
from harness.diagnosis.layers.weights import LayerWeights, WeightsComparison

Verdict = Literal["found", "clean", "unknown"]
Cause = Literal[
    "weights-changed",
    "kernel-transposed",
    "weights-scaled",
    "bias-lost",
    "bias-changed",
    "clip-changed",
    "attributes-changed",
    "computation-differs",
    "layer-missing",
    "other-weights",
    "other-network",
    "fed-otherwise",
]


@dataclass(frozen=True)
class Row:
    """One matched layer, or the output (``weights`` None): how its constants and what it gives differ.

    ``inside``: in the whole network; ``alone``: fed with what the original's operations gave; both None if that was not
    looked at or cannot be told.
    """

    reference: str
    candidate: str
    weights: str | None
    relative: float | None
    bias: str | None
    inside: Difference | None
    alone: Difference | None


@dataclass(frozen=True)
class LayerFinding:
    """The answer. ``reference`` and ``candidate``: the operation's names in either model, None if none is named.

    ``cause``: with the verdict `clean` it is `fed-otherwise` or None; ``rounding``: how the candidate holds weights
    more coarsely than the original: f16, bf16, int8.
    """

    verdict: Verdict
    sentence: str
    cause: Cause | None = None
    reference: str | None = None
    candidate: str | None = None
    rounding: tuple[str, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON document."""
        plain: dict[str, Any] = finite({**asdict(self), "rounding": list(self.rounding)})
        return plain


def rows_of(weights: WeightsComparison, profile: Profile | None) -> tuple[Row, ...]:
    """Return a row for each matched layer, and one for the output where the networks were run."""
    seen = {(row.reference, row.candidate): row for row in profile.rows} if profile else {}
    rows = []
    for layer in weights.layers:
        match = layer.match
        found = seen.pop((match.reference.point, match.candidate.point), None)
        differences = (found.inside, found.alone) if found else (None, None)
        rows.append(
            Row(match.reference.name, match.candidate.name, layer.weights, layer.relative, layer.bias, *differences)
        )
    rows += [
        Row(row.reference, row.candidate, None, None, None, row.inside, row.alone)
        for row in (profile.rows if profile else ())
        if (row.reference, row.candidate) in seen
    ]
    return tuple(rows)


def cause_of(layer: LayerWeights) -> Cause:
    """Return the identifier for how a layer differs; that of its weights first."""
    if layer.weights == "changed":
        return {"transposed": "kernel-transposed", "scaled": "weights-scaled"}.get(  # type: ignore[return-value]
            layer.how or "", "weights-changed"
        )
    if layer.bias == "lost":
        return "bias-lost"
    if layer.bias in ("added", "changed"):
        return "bias-changed"
    return "clip-changed" if layer.clip else "attributes-changed"


def evidence_of(layer: LayerWeights) -> dict[str, Any]:
    """Return the figures of one layer's constants as plain values."""
    return {
        "weights": layer.weights,
        "relative_difference": layer.relative,
        "explained_by_rounding": layer.rounding,
        "how": layer.how,
        "note": layer.note or None,
        "channels": list(layer.channels[:100]),
        "channels_changed": len(layer.channels),
        "channels_total": layer.of,
        "bias": layer.bias,
        "bias_relative_difference": layer.bias_relative,
        "bias_channels_changed": len(layer.bias_channels),
        "clip": [list(limits) for limits in layer.clip] if layer.clip else None,
        "attributes": {
            name: [list(layer.match.reference.attributes[name]), list(layer.match.candidate.attributes[name])]
            for name in layer.attributes
        },
    }
