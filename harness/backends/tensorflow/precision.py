"""Which types a graph really computes in: read from the operations between input and output, and from the switches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# tensorflow/core/framework/types.proto: DT_FLOAT, DT_DOUBLE, DT_QINT8, DT_QUINT8, DT_BFLOAT16, DT_HALF
_TYPES = {1: "f32", 2: "f64", 11: "int8", 12: "int8", 14: "bf16", 19: "f16"}
_ORDER = ("int8", "f16", "bf16", "f32", "f64")
# oneDNN's documentation, "Floating-point Math Mode": what a mode lets its kernels compute in.
_MODES = {"BF16": "bf16", "F16": "f16", "TF32": "tf32", "ANY": "bf16 or f16"}
SWITCHES = ("ONEDNN_DEFAULT_FPMATH_MODE", "TF_SET_ONEDNN_FPMATH_MODE")


def effective_precision(graph_def: Any, source: str, environment: Mapping[str, str]) -> str:
    """Return the types that a graph's operations compute in, such as ``f32`` or ``f16+f32``.

    ``graph_def``: only the operations that the output needs; ``source``: the name of its input. Only operations that
    depend on the input count: weights may be stored in a smaller type and cast before they are used. ``unknown`` where
    these name no such type.
    """
    functions = {function.signature.name: function for function in graph_def.library.function}
    found: set[str] = set()
    waiting = list(_depending_on(graph_def.node, source))
    entered: set[str] = set()
    while waiting:
        node = waiting.pop()
        found |= {_TYPES[value.type] for value in node.attr.values() if value.type in _TYPES}
        called = {node.op, *(value.func.name for value in node.attr.values())} & functions.keys() - entered
        entered |= called
        waiting += [inner for name in called for inner in functions[name].node_def if inner.op != "Const"]
    types = "+".join(name for name in _ORDER if name in found) or "unknown"
    modes = {_MODES[value] for name in SWITCHES if (value := environment.get(name, "").upper()) in _MODES}
    return f"{types} (oneDNN may use {', '.join(sorted(modes))})" if modes and "f32" in found else types


def _depending_on(nodes: Iterable[Any], source: str) -> Iterator[Any]:
    """Yield the node called ``source`` and all that depend on it; a file may have its nodes in any order."""
    by_name = {node.name: node for node in nodes}
    users: dict[str, list[str]] = {}
    for node in by_name.values():
        for name in node.input:
            if not name.startswith("^"):  # these only wait, no value is passed
                users.setdefault(name.partition(":")[0], []).append(node.name)
    waiting, reached = [source], {source}
    while waiting:
        name = waiting.pop()
        yield by_name[name]
        following = set(users.get(name, ())) - reached
        reached |= following
        waiting += following
