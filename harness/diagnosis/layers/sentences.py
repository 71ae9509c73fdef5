"""The sentences of the search for a layer, each with its figures."""

from __future__ import annotations

from collections.abc import Sequence

from harness.diagnosis.layers.weights import LayerWeights, WeightsComparison
from harness.text import printable

_LISTED = 8


def names(layer: LayerWeights) -> str:
    """Return a layer's kind and its names in both models."""
    one, other = layer.match.reference, layer.match.candidate
    word = {"convolution": "convolution", "depthwise": "depthwise convolution", "dense": "dense layer"}.get(
        one.kind, "normalisation"
    )
    return f"{word} {both(one.name, other.name)}"


def both(reference: str, candidate: str) -> str:
    """Return an operation's name in the reference and in the candidate, once where they are the same."""
    one, other = printable(reference), printable(candidate)
    return f"`{one}`" if one == other else f"`{one}` (candidate: `{other}`)"


def of_changed(layer: LayerWeights, all_layers: WeightsComparison) -> str:
    """Return what differs in one layer, and that the others match."""
    parts = []
    if layer.weights == "changed":
        parts.append(_weights(layer))
    if layer.bias in ("lost", "added", "changed"):
        parts.append(_bias(layer))
    if layer.clip:
        parts.append(f"its activation clips to {_limits(layer.clip[1])} instead of {_limits(layer.clip[0])}")
    for name in layer.attributes:
        one, other = (side.attributes[name] for side in (layer.match.reference, layer.match.candidate))
        parts.append(f"its {name} are {_sides(other)} instead of {_sides(one)}")
    return f"In the {names(layer)}, {', and '.join(parts)}; {_others(all_layers)}."


def _weights(layer: LayerWeights) -> str:
    where = _where(layer.channels, layer.of)
    rounding = f", of which rounding explains {_percent(layer.rounding)}" if layer.rounding else ""
    if layer.how == "not_finite":
        return f"{layer.note} weights are infinite or not a number"
    if layer.how == "transposed":
        return f"the weights are the original's with {layer.note}"
    if layer.how == "scaled":
        return f"the weights are the original's times {layer.note}{where}"
    return f"the weights differ by {_percent(layer.relative)} from the original's{rounding}{where}"


def _bias(layer: LayerWeights) -> str:
    if layer.bias == "lost":
        return "the bias is lost: it is zero, the original's is not"
    if layer.bias == "added":
        return "there is a bias, which the original does not have"
    where = _where(layer.bias_channels, layer.of)
    return f"the bias differs by {_percent(layer.bias_relative)} from the original's{where}"


def _where(channels: Sequence[int], total: int) -> str:
    if not channels:
        return ""
    if len(channels) == total:
        return f", in all {total} output channels"
    listed = ", ".join(str(number) for number in channels[:_LISTED])
    more = ", ..." if len(channels) > _LISTED else ""
    if len(channels) == 1:
        return f", in output channel {listed} of {total} alone"
    return f", in {len(channels)} of {total} output channels ({listed}{more})"


def _others(weights: WeightsComparison) -> str:
    same = [item for item in weights.layers if not item.differs]
    changed = len(weights.layers) - len(same)
    if not same:
        return "no other layer was compared"
    if changed > 1:
        first = f"{changed - 1} other layer{'s differ' if changed > 2 else ' differs'}, too, and the "
    else:
        first = "the "
    return f"{first}other {len(same)} match {within(weights)}"


def within(weights: WeightsComparison) -> str:
    """Return how well the layers that do not differ match."""
    words = {"f16": "f16", "bf16": "bf16", "int8": "8 bits"}
    if weights.rounding:
        return f"except for rounding to {' and '.join(words[kind] for kind in weights.rounding)}"
    return f"within {weights.largest_equal:.1e}" if weights.largest_equal else "exactly"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2g} %"


def _limits(limits: tuple[float | None, float | None]) -> str:
    if limits == (None, None):
        return "nothing"
    low, high = ("" if limit is None else f"{limit:g}" for limit in limits)
    return f"[{low or '-inf'}, {high or 'inf'}]"


def _sides(numbers: Sequence[int]) -> str:
    return "x".join(str(number) for number in numbers)
