"""Networks written by hand, and layers as they come out of one operation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.backends.observing import Network, Operation, Weights
from harness.diagnosis.layers.layer import Layer


def network(*operations: Operation) -> Network:
    """Return a network; `x` is what some operation that is not read makes of the input."""
    return Network((Operation("x", "Other", ("input",)), *operations), "input", operations[-1].name)


def weighted(name: str, values: Any, *inputs: str, **more: Any) -> Operation:
    attributes = {"strides": (1, 1), "dilations": (1, 1)}
    weights = Weights(np.asarray(values, np.float32), more.pop("storage", "f32"), more.pop("step", None))
    return Operation(name, "Conv", inputs, "weighted", weights, attributes=attributes, **more)


def elementwise(name: str, *inputs: str, **more: Any) -> Operation:
    arrays: dict[str, Any] = {key: np.asarray(more.pop(key), np.float32) for key in ("factor", "offset") if key in more}
    return Operation(name, "Elementwise", inputs, "elementwise", **arrays, **more)


def layer(values: NDArray[Any], bias: Any = None, **more: Any) -> Layer:
    """Return a layer of given weights; zero biases by default."""
    given = np.zeros(len(values)) if bias is None else np.asarray(bias, np.float64)
    plain: dict[str, Any] = {
        "name": "layer",
        "type": "Conv",
        "kind": "convolution",
        "point": "layer",
        "size": float(np.abs(given).max()),
        "floor": np.zeros(len(values)),
        "low": None,
        "high": None,
        "storage": "f32",
        "step": None,
        "attributes": {},
    }
    return Layer(weights=np.asarray(values, np.float64), bias=given, **{**plain, **more})
