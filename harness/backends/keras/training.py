"""Layers that a Keras model calls in training mode, as its file says: the mode is written into the call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.backends.dependence import EXPORT, batch_statistics, random_operation

_MEND = f"{EXPORT}, its layers called without `training=True`"


def refuse_training(config: Mapping[str, Any], path: object) -> None:
    """Refuse a model with such a layer: it asks for what the other images or chance decide. Raises ModelError."""
    waiting: list[Any] = [config]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if any(_trains(call) for call in _calls(item.get("inbound_nodes"))):
                kind, own = str(item.get("class_name", "")), item.get("config")
                name = str(item.get("name") or (own.get("name") if isinstance(own, dict) else "") or kind)
                wrong = batch_statistics if "Normalization" in kind else random_operation
                raise wrong(path, name, kind, _MEND)
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _calls(nodes: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the keyword arguments of each call: in Keras 3 under `kwargs`, in Keras 2 the last of four items."""
    waiting: list[Any] = [nodes]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += item
        elif isinstance(item, dict):
            kwargs = item.get("kwargs")
            yield kwargs if isinstance(kwargs, dict) else item


def _trains(call: Mapping[str, Any]) -> bool:
    return call.get("training") is True or call.get("training") == 1
