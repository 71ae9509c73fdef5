"""The operations that a model in OpenVINO must not have: those that draw numbers, and those that keep a value.

OpenVINO's frontends write a dropout that is still in training, or any random operation of another framework, as
RandomUniform.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.backends.dependence import kept_state, random_operation

_RANDOM = frozenset({"RandomUniform", "RandomPoisson", "Multinomial"})
_STATE = frozenset({"ReadValue", "Assign"})
_DEEPEST = 64


def every_node(model: Any, depth: int = 0) -> Iterator[Any]:
    """Yield the operations of a model (ov.Model), those in the bodies of its branches and loops included."""
    for node in model.get_ops():
        yield node
        if depth < _DEEPEST:
            for body in _bodies(node):
                yield from every_node(body, depth + 1)


def _bodies(node: Any) -> tuple[Any, ...]:
    kind = node.get_type_name()
    if kind == "If":
        return node.get_then_body(), node.get_else_body()
    return (node.get_function(),) if kind in ("Loop", "TensorIterator") else ()


def refuse_operations(model: Any, path: object) -> None:
    """Refuse a model (ov.Model) that depends on more than the image. Raises ModelError that names the node."""
    for node in every_node(model):
        kind = node.get_type_name()
        if kind in _RANDOM:
            raise random_operation(path, node.get_friendly_name(), kind)
        if kind in _STATE:
            raise kept_state(path, node.get_friendly_name(), kind)
