"""What every observer owes, checked on one of the tiny network: the first layer as numpy computes it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.backends.base import ModelSpec
from harness.backends.observing import Operation
from harness.backends.opening import open_backend
from harness.backends.registry import facts_of, load_target
from tests.conftest import MEAN, SCALE, Network


def first_and_second(operations: tuple[Operation, ...]) -> tuple[Operation, Operation]:
    first, second = (item for item in operations if item.form == "weighted")
    return first, second


def check(backend: str, spec: ModelSpec, network: Network, pixels: NDArray[np.uint8], order: slice) -> None:
    """``order``: of the channels that the model's first weights are for, of RGB."""
    with (
        open_backend(backend, spec) as loaded,
        load_target(facts_of(backend).observer or "")(loaded) as observer,
    ):
        found = observer.network
        first, second = first_and_second(found.operations)
        assert first.weights is not None
        assert second.weights is not None
        np.testing.assert_array_equal(first.weights.values[:, :, 0, 0], network.first[order].T)
        np.testing.assert_array_equal(second.weights.values[:, :, 0, 0], network.second.T)
        (relu,) = (item for item in found.operations if item.low == 0)
        assert relu is first or relu.inputs == (first.name,)

        rgb = (pixels[..., ::-1].astype(np.float64) - MEAN) / SCALE
        hidden = np.maximum(rgb @ network.first, 0)
        seen = observer.activations(pixels, [relu.name, second.name, found.output])
        np.testing.assert_allclose(_channels_last(seen[relu.name], 8), hidden, rtol=1e-5, atol=1e-5)
        logits = hidden.mean(axis=(1, 2)) @ network.second
        np.testing.assert_allclose(seen[second.name].reshape(len(pixels), -1), logits, rtol=1e-4, atol=1e-4)
        answers = observer.answers(pixels)
        np.testing.assert_allclose(seen[found.output].reshape(answers.shape), answers, rtol=1e-5, atol=1e-6)
        if observer.cuts:
            _check_parts(observer, pixels, relu.name, second.name, seen, network)


def _check_parts(
    observer: Any, pixels: NDArray[np.uint8], relu: str, second: str, seen: dict[str, Any], network: Network
) -> None:
    """Feed the second layer something that the first never gave: only that may count for it, and not for the first."""
    given = np.random.default_rng(0).random(seen[relu].shape).astype(np.float32)
    alone = observer.parts(pixels, {relu: given, second: seen[second]})
    np.testing.assert_allclose(alone[relu], seen[relu], rtol=1e-5, atol=1e-5)
    wanted = _channels_last(given, 8).astype(np.float64).mean(axis=(1, 2)) @ network.second
    np.testing.assert_allclose(alone[second].reshape(len(pixels), -1), wanted, rtol=1e-4, atol=1e-4)


def _channels_last(values: NDArray[Any], channels: int) -> NDArray[Any]:
    return values if values.shape[-1] == channels else values.transpose(0, 2, 3, 1)
