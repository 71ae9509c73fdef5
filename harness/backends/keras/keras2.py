"""What Keras 2 wrote and Keras 3 refuses, where it changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import ModelError

# Arguments that Keras 3 does not know, with the values by which Keras 2 computes the same without them.
_WITHOUT_EFFECT: dict[str, dict[str, tuple[Any, ...]]] = {
    "DepthwiseConv1D": {"groups": (1, None)},
    "DepthwiseConv2D": {"groups": (1, None)},
    "SeparableConv1D": {"groups": (1, None)},
    "SeparableConv2D": {"groups": (1, None)},
    "Conv1DTranspose": {"groups": (1, None)},
    "Conv2DTranspose": {"groups": (1, None)},
    "Conv3DTranspose": {"groups": (1, None)},
    "BatchNormalization": {"virtual_batch_size": (None,), "fused": (None, True, False), "adjustment": (None,)},
    "LSTM": {"time_major": (False,), "implementation": (0, 1, 2)},
    "GRU": {"time_major": (False,), "implementation": (0, 1, 2)},
    "SimpleRNN": {"time_major": (False,), "implementation": (0, 1, 2)},
}


def substitutes(keras: Any, config: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return classes that take arguments of Keras 2 which change nothing, by the names of those that they replace.

    Raises ModelError if such an argument has a value by which the layer computes something else.
    """
    found: dict[str, set[str]] = {}
    for name, own in layers(config):
        for key, harmless in _WITHOUT_EFFECT.get(name, {}).items():
            if key not in own:
                continue
            if own[key] not in harmless:
                raise ModelError(
                    f"{path}: the layer '{own.get('name')}' ({name}) has {key}={own[key]}, which Keras 3 cannot "
                    "compute; export it as a SavedModel with Keras 2, and use `backend: saved_model`"
                )
            found.setdefault(name, set()).add(key)
    return {name: _without(getattr(keras.layers, name), frozenset(keys)) for name, keys in found.items()}


def _without(layer: Any, keys: frozenset[str]) -> Any:
    def __init__(self: Any, *arguments: Any, **keywords: Any) -> None:  # noqa: N807
        layer.__init__(self, *arguments, **{key: value for key, value in keywords.items() if key not in keys})

    return type(layer.__name__, (layer,), {"__init__": __init__})


def layers(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield class and configuration of every layer of a model's configuration, in no order."""
    waiting: list[Any] = [config]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            name, own = item.get("class_name"), item.get("config")
            if isinstance(name, str) and isinstance(own, dict):
                yield name, own
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
