"""Which value of a checkpoint belongs to which variable: read from the graph that would restore it, which is not run.

A graph restores its variables by operations of its own, which may name any file. They are only read here: the names of
the values, and the variables that they are assigned to. The values come from the checkpoint next to the graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_ASSIGNS = frozenset({"Assign", "AssignVariableOp"})
_PASSES_ON = frozenset({"Identity", "Reshape"})


@dataclass(frozen=True)
class Stored:
    """The name of a value in a checkpoint, and which slice of it, as TensorFlow writes slices; empty: all of it."""

    key: str
    part: str = ""


def stored_values(meta: Any) -> dict[str, Stored]:
    """Return the value of each variable's node: what the graph's restoring operation would assign to it.

    ``meta``: a MetaGraphDef. Empty if it says nothing.
    """
    nodes = {node.name: node for node in meta.graph_def.node}
    functions = {function.signature.name: function for function in meta.graph_def.library.function}
    start = _node_of(meta.saver_def.restore_op_name)
    waiting, entered = [start], {start}
    found: dict[str, Stored] = {}
    while waiting:
        node = nodes.get(waiting.pop())
        if node is None:
            continue
        found |= dict(_assignments([node], nodes))
        function = functions.get(node.attr["f"].func.name) if "f" in node.attr else None
        if function is not None:
            found |= _in_function(node, function)
        following = {_node_of(name) for name in node.input} - entered
        entered |= following
        waiting += following
    return found


def _in_function(caller: Any, function: Any) -> dict[str, Stored]:
    given = [_node_of(name) for name in caller.input if not name.startswith("^")]
    arguments = dict(zip((argument.name for argument in function.signature.input_arg), given, strict=False))
    inner = {node.name: node for node in function.node_def}
    assigned = _assignments(inner.values(), inner)
    return {arguments[variable]: stored for variable, stored in assigned if variable in arguments}


def _assignments(candidates: Iterable[Any], nodes: Mapping[str, Any]) -> Iterator[tuple[str, Stored]]:
    for node in candidates:
        if node.op in _ASSIGNS and len(node.input) > 1 and (stored := _restored(node.input[1], nodes)):
            yield _node_of(node.input[0]), stored


def _restored(tensor: str, nodes: Mapping[str, Any]) -> Stored | None:
    """Return what a tensor is restored from, None if it is computed."""
    for _ in range(len(nodes)):
        node = nodes.get(_node_of(tensor))
        if node is None or not node.input:
            return None
        if node.op == "RestoreV2" and len(node.input) > 2:
            at = int(tensor.rpartition(":")[2]) if tensor[-1:].isdigit() and ":" in tensor else 0
            keys, parts = (_texts(nodes.get(_node_of(name))) for name in node.input[1:3])
            return Stored(keys[at], parts[at] if at < len(parts) else "") if at < len(keys) else None
        if node.op not in _PASSES_ON:
            return None
        tensor = node.input[0]
    return None


def _texts(node: Any) -> list[str]:
    if node is None:
        return []
    tensor = node.attr["value"].tensor
    texts = [text.decode("utf-8", "replace") for text in tensor.string_val]
    count = tensor.tensor_shape.dim[0].size if tensor.tensor_shape.dim else 1
    return texts * int(min(count, 1_000_000)) if len(texts) == 1 else texts


def _node_of(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]
