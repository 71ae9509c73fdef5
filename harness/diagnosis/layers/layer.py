"""A network as layers: a convolution or a dense layer, with the bias, batch norm and activation behind it, as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.backends.observing import Network, Operation, Storage
from harness.config import Input
from harness.feeding.contract import is_reversed

Doubles = NDArray[np.float64]
Kind = Literal["convolution", "depthwise", "dense", "scale"]
_CHANNELS = 3
_SAME = 1e-5  # of a mean or scale, which converters hold in f32
_FLOORS: dict[Storage, float] = {"f16": 2.0**-25}  # half of the smallest number that f16 has


@dataclass(frozen=True)
class Given:
    """What the first layer is given of each channel x of decoded pixels, BGR: ``factor * x + offset``."""

    factor: Doubles
    offset: Doubles

    def is_that_of(self, other: Given) -> bool:
        """Whether two first layers are given the same numbers, but for f32; perhaps in another order."""
        size = max(1.0, float(np.abs(self.offset).max()))
        return np.allclose(self.factor, other.factor, rtol=_SAME, atol=0) and np.allclose(
            self.offset, other.offset, rtol=0, atol=_SAME * size
        )


@dataclass(frozen=True)
class Layer:
    """``clip(weights * x + bias)`` with everything folded that only scales and shifts.

    ``name``: of the operation that has the weights; ``point``: of the last operation that belongs to the layer;
    ``weights``: float64 (out, in of a group, height, width); ``bias``: float64 (out,); ``size``: of the largest
    terms that made the bias, whose rounding moves it; ``floor``: float64 (out,), how far rounding may move a weight
    however small it is; ``step``: float64 (out,), of quantised weights. ``plain``: where the weights are those for
    decoded pixels, BGR, 0..255, since colour order, mean and scale before the layer are folded into them, too: the
    layer without that; ``reach``: how many times larger a weight became by that, at most; ``given``: what was folded.
    """

    name: str
    type: str
    kind: Kind
    point: str
    weights: Doubles
    bias: Doubles
    size: float
    floor: Doubles
    low: float | None
    high: float | None
    storage: Storage
    step: Doubles | None
    attributes: Mapping[str, tuple[int, ...]]
    plain: Layer | None = None
    reach: float = 1.0
    given: Given | None = None

    @property
    def of_pixels(self) -> bool:
        """Whether the weights are those for decoded pixels."""
        return self.plain is not None


def layers_of(network: Network, contract: Input) -> tuple[Layer, ...]:
    """Return the layers in the network's order. ``contract``: what the network is fed."""
    consumers, by_name = network.consumers(), network.by_name()
    taken: set[str] = set()
    found = []
    for operation in network.operations:
        if operation.name in taken or not _begins(operation):
            continue
        behind = _before(network, by_name, operation)
        if operation.weights is None and (behind is not None or _leads_to_weights(operation, consumers)):
            continue  # mean and scale of the input: they belong to the layer that they lead to
        chain = _chain(operation, consumers)
        taken |= {item.name for item in chain}
        layer = _layer(chain)
        found.append(layer if behind is None else _for_pixels(layer, behind, contract))
    return tuple(found)


def _begins(operation: Operation) -> bool:
    if operation.form == "weighted":
        return True
    values = (operation.factor, operation.offset)
    return operation.form == "elementwise" and any(item is not None and item.size > 1 for item in values)


def _leads_to_weights(operation: Operation, consumers: Mapping[str, Sequence[Operation]]) -> bool:
    """Return whether what the operation does could have been folded into the weights of the layer behind it."""
    while operation.low is None and operation.high is None:
        after = consumers.get(operation.name, [])
        if len(after) != 1:
            return False
        operation = after[0]
        if operation.form == "weighted":
            return True
        if operation.form not in ("elementwise", "pass", "pad"):
            return False
    return False


def _chain(first: Operation, consumers: Mapping[str, Sequence[Operation]]) -> list[Operation]:
    """Return a layer's operations: what follows it alone and scales, shifts or clips, up to the first clip."""
    chain, waiting = [first], list[Operation]()
    clipped = first.low is not None or first.high is not None
    while True:
        after = consumers.get((waiting or chain)[-1].name, [])
        if len(after) != 1 or len(after[0].inputs) != 1:
            return chain
        (operation,) = after
        if operation.form == "pass":
            waiting.append(operation)
            continue
        moves = operation.factor is not None or operation.offset is not None
        if operation.form != "elementwise" or (clipped and moves):
            return chain
        chain += [*waiting, operation]
        waiting = []
        clipped = clipped or operation.low is not None or operation.high is not None


def _layer(chain: Sequence[Operation]) -> Layer:
    first = chain[0]
    if first.weights is not None:
        weights = first.weights.values.astype(np.float64)
        out = len(weights)
        kind: Kind = "depthwise" if weights.shape[1] == 1 and out > 1 and first.attributes else "convolution"
        if not first.attributes:
            kind = "dense"
        storage, step = first.weights.storage, first.weights.step
    else:
        out = max(item.size for operation in chain for item in (operation.factor, operation.offset) if item is not None)
        weights, kind, storage, step = np.ones((out, 1, 1, 1)), "scale", "f32", None
    factor, bias, size = np.ones(out), np.zeros(out), 0.0
    low = high = None
    for operation in chain:
        if operation.factor is not None:
            by = operation.factor.astype(np.float64)
            factor, bias, size = factor * by, bias * by, size * float(np.abs(by).max())
        if operation.offset is not None:
            bias = bias + operation.offset
            size = max(size, float(np.abs(operation.offset).max()))
        low = operation.low if low is None else max(low, operation.low if operation.low is not None else low)
        high = operation.high if high is None else min(high, operation.high if operation.high is not None else high)
    size = max(size, float(np.abs(bias).max(initial=0)))
    return Layer(
        name=first.name,
        type=first.type,
        kind=kind,
        point=chain[-1].name,
        weights=weights * factor[:, None, None, None],
        bias=bias,
        size=size,
        floor=np.abs(factor) * _FLOORS.get(storage, 0.0),
        low=low,
        high=high,
        storage=storage,
        step=None if step is None else np.abs(factor) * step,
        attributes=first.attributes,
    )


@dataclass(frozen=True)
class _Fed:
    """What a layer is fed of the network's input x: ``factor * x[order] + offset``, each (channels,)."""

    factor: Doubles
    offset: Doubles
    order: NDArray[np.intp]


def _before(network: Network, by_name: Mapping[str, Operation], operation: Operation) -> _Fed | None:
    """Return what happens between the network's input and an operation; None if it is more than scale and shift."""
    ways: list[Operation] = []
    while True:
        if len(operation.inputs) != 1:
            return None
        name = operation.inputs[0]
        if name == network.source:
            break
        operation = by_name[name]
        simple = operation.form in ("elementwise", "pass", "pad", "order")
        if not simple or operation.low is not None or operation.high is not None:
            return None
        ways.append(operation)
    factor, offset, order = np.ones(_CHANNELS), np.zeros(_CHANNELS), np.arange(_CHANNELS)
    for item in reversed(ways):
        if any(value is not None and value.size not in (1, _CHANNELS) for value in (item.factor, item.offset)):
            return None
        if item.order is not None:
            if len(item.order) != _CHANNELS:
                return None
            turned = np.array(item.order)
            factor, offset, order = factor[turned], offset[turned], order[turned]
        if item.factor is not None:
            factor, offset = factor * item.factor, offset * item.factor
        if item.offset is not None:
            offset = offset + item.offset
    return _Fed(factor, offset, order)


def _for_pixels(layer: Layer, fed: _Fed, contract: Input) -> Layer:
    """Return the layer as one of decoded pixels: what its model is fed and does before it is folded into it.

    Where the layer pads, the fold is that of the inside: at the border, zeros stand for the mean.
    """
    if layer.weights.shape[1] != _CHANNELS:
        return layer
    mean, scale = np.array((contract.mean_per_channel, contract.scale_per_channel), np.float64)
    shift = fed.offset - fed.factor * mean[fed.order] / scale[fed.order]
    moved = layer.weights * shift[None, :, None, None]
    weights = np.empty_like(layer.weights)
    weights[:, fed.order] = layer.weights * (fed.factor / scale[fed.order])[None, :, None, None]
    if is_reversed(contract):
        weights = weights[:, ::-1]
    factor = fed.factor / scale[fed.order]
    reach = float(np.abs(factor).max())
    by_pixel = np.argsort(_CHANNELS - 1 - fed.order if is_reversed(contract) else fed.order)
    return replace(
        layer,
        weights=np.ascontiguousarray(weights),
        bias=layer.bias + moved.sum(axis=(1, 2, 3)),
        size=max(layer.size, float(np.abs(moved).sum(axis=(1, 2, 3)).max())),
        floor=layer.floor * reach,
        step=None if layer.step is None else layer.step * reach,
        plain=layer,
        reach=reach,
        given=Given(factor[by_pixel], shift[by_pixel]),
    )
