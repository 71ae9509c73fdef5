"""The operations that a graph may have: those that compute tensors from tensors, and nothing else.

An operation reads a file, writes one, opens a connection, runs Python or prints because its kernel does; nothing in the
graph tells. So what is known to compute is listed in ``known_operations``, and everything else is refused: a network
that classifies pixels has no use for it, and a hostile file has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.backends.dependence import batch_statistics, kept_state, random_operation
from harness.backends.tensorflow.known_operations import CONTROL, LISTS, PLAIN
from harness.errors import ModelError

FREEZE = "freeze the graph for inference"
# They give something else at every call: what is left of a training graph.
_RANDOM = re.compile(r"^(Stateless)?(Random|TruncatedNormal|ParameterizedTruncatedNormal|Multinomial|Stateful.*Random)")
# They change a variable: counters, moving means, optimisers.
_CHANGES = re.compile(
    r"^(Assign|(Resource)?(Apply|SparseApply|CountUpTo|Scatter(Nd)?(Add|Sub|Mul|Div|Min|Max|Update)$))"
)
# Named first where there are several: the others only lead to it.
_WORST = re.compile(r"File|Print|PyFunc|Restore|Save|Debug|Rpc|Remote|Reader|Dataset|Iterator|Summary|^Var")
_VARIABLES = frozenset({"Variable", "VariableV2", "VarHandleOp", "ReadVariableOp", "TemporaryVariable"})
_NORMALISES = frozenset({"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"})


@dataclass(frozen=True)
class Operation:
    """A node: ``calls`` are the functions of the graph's library that it calls; ``is_training``: its attribute."""

    name: str
    op: str
    calls: frozenset[str] = frozenset()
    is_training: bool | None = None


@dataclass(frozen=True)
class Operations:
    """The nodes of a graph, and those of each function in its library."""

    nodes: tuple[Operation, ...]
    functions: Mapping[str, tuple[Operation, ...]]

    @classmethod
    def of(cls, graph_def: Any) -> Operations:
        """Return the operations of a GraphDef."""
        return cls(
            tuple(map(_operation, graph_def.node)),
            {item.signature.name: tuple(map(_operation, item.node_def)) for item in graph_def.library.function},
        )

    def __iter__(self) -> Iterator[Operation]:
        yield from self.nodes
        for nodes in self.functions.values():
            yield from nodes

    def recursive(self) -> str | None:
        """Return a function that calls itself, directly or through others; None if there is none."""
        called = {
            name: {other for node in nodes for other in (node.op, *node.calls) if other in self.functions}
            for name, nodes in self.functions.items()
        }
        ended: set[str] = set()
        while True:
            more = {name for name, others in called.items() if name not in ended and others <= ended}
            if not more:
                return next((name for name in called if name not in ended), None)
            ended |= more


def _operation(node: Any) -> Operation:
    attributes = node.attr.values()
    calls = {value.func.name for value in attributes} | {each.name for value in attributes for each in value.list.func}
    training = node.attr["is_training"].b if "is_training" in node.attr else None
    return Operation(node.name, node.op, frozenset(calls - {""}), training)


def refuse_operations(found: Operations, path: object, allow: frozenset[str] = frozenset()) -> None:
    """Refuse a graph that has an operation which is not known to do nothing but compute, or calls itself without end.

    ``path``: named in the message; ``allow``: further types of operations that are allowed. The library of functions is
    checked, too. Raises ModelError that names the node and its operation.
    """
    if endless := found.recursive():
        raise ModelError(f"{path}: refused: its function '{endless}' calls itself and may never end")
    known = PLAIN | CONTROL | LISTS | found.functions.keys() | allow
    unknown = [node for node in found if node.op not in known]
    if not unknown:
        return
    node = next((node for node in unknown if _WORST.search(node.op)), unknown[0])
    if node.op in _VARIABLES:
        raise ModelError(f"{path}: not frozen ('{node.name}' is a variable); freeze the graph with its checkpoint")
    if _CHANGES.match(node.op):
        raise kept_state(path, node.name, node.op, FREEZE)
    if _RANDOM.match(node.op):
        raise random_operation(path, node.name, node.op, f"{FREEZE}, or write `allow_ops: [{node.op}]`")
    raise ModelError(
        f"{path}: refused: its operation '{node.name}' ({node.op}) may read or write outside of the graph; "
        f"remove it, or write `allow_ops: [{node.op}]` if you trust this file"
    )


def refuse_training(found: Operations, path: object) -> None:
    """Refuse a graph whose batch normalisation takes mean and variance from each batch. Raises ModelError."""
    for node in found:
        # `is_training` is true where a node does not say it: tensorflow/core/ops/nn_ops.cc
        if node.op in _NORMALISES and node.is_training is not False:
            raise batch_statistics(path, node.name, node.op, FREEZE)
