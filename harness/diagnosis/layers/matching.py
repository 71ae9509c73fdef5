"""Which layer of one network is which of the other: by name where names survived, else by weights, else by order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.diagnosis.layers.layer import Doubles, Layer

SAME = 0.9  # correlation of weights from which two layers are taken for the same one


@dataclass(frozen=True)
class Match:
    """Two layers that belong together; ``by``: how that is known."""

    reference: Layer
    candidate: Layer
    by: str


@dataclass(frozen=True)
class Matching:
    """Matches in the reference's order, and the layers that have none."""

    matches: tuple[Match, ...]
    only_reference: tuple[Layer, ...]
    only_candidate: tuple[Layer, ...]


def match(reference: Sequence[Layer], candidate: Sequence[Layer]) -> Matching:
    """Match the layers of two networks. Layers that only scale and shift may be missing on one side."""
    pairs: dict[int, tuple[int, str]] = {}
    _by_name(reference, candidate, pairs)
    _by_weights(reference, candidate, pairs)
    _by_order(reference, candidate, pairs, lambda layer: (layer.kind == "scale", layer.weights.shape))
    _by_order(reference, candidate, pairs, lambda layer: (layer.kind == "scale", len(layer.bias), layer.weights.size))
    there = {other for other, _ in pairs.values()}
    return Matching(
        tuple(Match(reference[place], candidate[pairs[place][0]], pairs[place][1]) for place in sorted(pairs)),
        tuple(layer for place, layer in enumerate(reference) if place not in pairs and layer.kind != "scale"),
        tuple(layer for place, layer in enumerate(candidate) if place not in there and layer.kind != "scale"),
    )


Pairs = dict[int, tuple[int, str]]


def _by_name(reference: Sequence[Layer], candidate: Sequence[Layer], pairs: Pairs) -> None:
    names = {layer.name: place for place, layer in enumerate(candidate)}
    for place, layer in enumerate(reference):
        other = names.get(layer.name)
        if other is not None and candidate[other].weights.size == layer.weights.size:
            pairs[place] = other, "name"


def _left(layers: Sequence[Layer], taken: set[int], key: Callable[[Layer], Hashable]) -> dict[Hashable, list[int]]:
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for place, layer in enumerate(layers):
        if place not in taken:
            groups[key(layer)].append(place)
    return groups


def _open(
    reference: Sequence[Layer], candidate: Sequence[Layer], pairs: Pairs, key: Callable[[Layer], Hashable]
) -> list[tuple[list[int], list[int]]]:
    """Return the layers without a match, those with the same key together."""
    one = _left(reference, set(pairs), key)
    other = _left(candidate, {place for place, _ in pairs.values()}, key)
    return [(places, other[name]) for name, places in one.items() if name in other]


def _by_weights(reference: Sequence[Layer], candidate: Sequence[Layer], pairs: Pairs) -> None:
    """Match what correlates best on both sides; of several that do equally well, what stands nearest in the order."""
    for here, there in _open(reference, candidate, pairs, lambda layer: (layer.kind == "scale", layer.weights.shape)):
        alike = _directions(reference, here) @ _directions(candidate, there).T
        distance = np.abs(np.subtract.outer(np.linspace(0, 1, len(here)), np.linspace(0, 1, len(there))))
        rank = alike - 1e-6 * distance
        while rank.size and (best := float(rank.max())) > SAME:
            row, column = np.unravel_index(int(rank.argmax()), rank.shape)
            pairs[here[row]] = there[column], "weights"
            rank[row, :] = rank[:, column] = -np.inf
            del best


def _directions(layers: Sequence[Layer], places: Sequence[int]) -> Doubles:
    """Return weights and biases as vectors of length 1, (layers, size): their products are how alike layers are."""
    rows = np.stack([np.concatenate([_unit(layers[p].weights), 0.1 * _unit(layers[p].bias)]) for p in places])
    return np.asarray(rows / 1.01**0.5)


def _unit(values: Doubles) -> Doubles:
    flat = values.reshape(-1)
    length = float(np.linalg.norm(flat))
    return flat / length if length > 0 else flat


def _by_order(
    reference: Sequence[Layer], candidate: Sequence[Layer], pairs: Pairs, key: Callable[[Layer], Hashable]
) -> None:
    """Match what is left over in the order in which it comes, where both sides have the same number of it."""
    for here, there in _open(reference, candidate, pairs, key):
        if len(here) == len(there):
            pairs |= {one: (other, "order") for one, other in zip(here, there, strict=True)}
