"""A graph with variables and its checkpoint as a frozen graph in memory. No operation of the graph is run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.backends.names import unfed
from harness.backends.tensorflow.checkpoint import Checkpoint
from harness.backends.tensorflow.framework import loading, reason
from harness.backends.tensorflow.frozen import Frozen
from harness.backends.tensorflow.nodes import fed_on
from harness.backends.tensorflow.operations import FREEZE, Operations, refuse_operations, refuse_training
from harness.backends.tensorflow.restoring import Stored
from harness.disk.parsing import parsing
from harness.errors import ModelError

_VARIABLES = frozenset({"Variable", "VariableV2", "VarHandleOp"})
_READS = frozenset({"ReadVariableOp", "ResourceGather", "ResourceGatherNd"})


def needed(tf: Any, graph_def: Any, tensor: str, path: object) -> Any:
    """Return the part of a graph that a tensor needs, functions included. Raises ModelError if some is missing."""
    names = {node.name for node in graph_def.node}
    try:
        part = tf.compat.v1.graph_util.extract_sub_graph(graph_def, [tensor.partition(":")[0]])
    except Exception:  # noqa: BLE001  (TensorFlow asserts some of what it needs, and trips over the rest)
        absent = ", ".join(f"'{name}'" for name in sorted(fed_on(graph_def.node) - names)[:3])
        raise ModelError(f"{path}: cut off, {absent or tensor} is missing; save or fetch it again") from None
    functions = {function.signature.name: function for function in part.library.function}
    called: set[str] = set()
    waiting = list(part.node)
    while waiting:
        new = _called(waiting.pop()) & functions.keys() - called
        called |= new
        waiting += [node for name in new for node in functions[name].node_def]
    part.library.Clear()
    part.library.function.extend(functions[name] for name in sorted(called))
    return part


def _called(node: Any) -> set[str]:
    values = list(node.attr.values())
    return {node.op, *(value.func.name for value in values), *(f.name for v in values for f in v.list.func)}


def freeze(
    tf: Any, graph_def: Any, path: Path, prefix: Path, stored: Mapping[str, Stored], allow: frozenset[str]
) -> Any:
    """Return a graph with its variables as constants.

    ``graph_def``: only what is needed; ``prefix``: of the checkpoint's files; ``stored``: which value each variable's
    node has, by default the one of its own name; ``allow``: further types of operations. Raises ModelError for
    operations that are not known to be harmless, and for values that are missing or of another shape.
    """
    refuse_operations(Operations.of(graph_def), path, allow | _VARIABLES | _READS)
    variables = [node for node in graph_def.node if node.op in _VARIABLES]
    if not variables:
        return graph_def
    keys = {node.name: stored.get(node.name) or Stored(_own_name(node)) for node in variables}
    checkpoint = Checkpoint(tf, prefix)
    checkpoint.require_small({value.key for value in keys.values()})
    values = {node.name: _checked(tf, node, checkpoint.value(node.name, keys[node.name]), path) for node in variables}
    for node in variables:
        if node.op == "Variable":
            node.op = "VariableV2"
    return _with_constants(graph_def, values, path)


def _own_name(node: Any) -> str:
    shared = node.attr["shared_name"].s.decode("utf-8", "replace") if "shared_name" in node.attr else ""
    return shared or str(node.name)


def _checked(tf: Any, node: Any, value: Any, path: Path) -> Any:
    """Return a value that has the variable's type and shape. Raises ModelError for another."""
    with loading(path):
        wanted = tf.dtypes.as_dtype(node.attr["dtype"].type)
    shape = _stated_shape(tf, node, path)
    if value.dtype != np.dtype(wanted.as_numpy_dtype) or not shape.is_compatible_with(value.shape):
        raise ModelError(
            f"{path}: the variable '{node.name}' is {wanted.name} {shape}, but its value in the checkpoint is "
            f"{value.dtype} {tuple(value.shape)}; copy the checkpoint that was saved with this graph"
        )
    return value


def _stated_shape(tf: Any, node: Any, path: object) -> Any:
    with loading(path):
        return tf.TensorShape(node.attr["shape"].shape) if "shape" in node.attr else tf.TensorShape(None)


def _with_constants(graph_def: Any, values: Mapping[str, Any], path: Path) -> Any:
    """Let TensorFlow replace variables by constants, in functions, too."""
    from tensorflow.python.framework import convert_to_constants as convert

    class Values(convert._ConverterData):  # type: ignore[misc]  # noqa: SLF001  # its public ways run the graph
        def __init__(self) -> None:
            super().__init__(graph_def)
            types = {node.name: node.attr["dtype"].type for node in graph_def.node}
            for name, value in values.items():
                self._tensor_data[name] = convert._TensorData(numpy=value, dtype=types[name], index=None)  # noqa: SLF001

    with parsing(path, ModelError, "freeze it first", what="TensorFlow cannot freeze this graph", say=reason):
        return convert._replace_variables_by_constants(Values())[0]  # noqa: SLF001


def refuse_unfed(graph_def: Any, path: object, source: str, output: str) -> None:
    """Refuse a graph that waits for more than the image, such as a dropout's rate. Raises ModelError."""
    others = [node for node in graph_def.node if node.op in ("Placeholder", "PlaceholderV2") and node.name != source]
    if others:
        raise ModelError(f"{path}: the output '{output}' {unfed([node.name for node in others], FREEZE)}")


def renamed(
    tf: Any,
    graph_def: Any,
    path: object,
    tensors: tuple[str, str],
    names: tuple[str | None, str | None],
    allow: frozenset[str],
) -> Frozen:
    """Return a graph without variables, checked, whose input and output bear other names.

    ``tensors``: of the input, a placeholder, and of the output, such as ``x:0``; ``names``: those that they get,
    `input` and `output` where they are None; ``allow``: further types of operations. Raises ModelError if the graph is
    not one for inference.
    """
    found = Operations.of(graph_def)
    refuse_operations(found, path, allow)
    refuse_training(found, path)
    source, output = tensors
    given, asked = (names[0] or "input").removesuffix(":0"), (names[1] or "output").removesuffix(":0")
    refuse_unfed(graph_def, path, source.partition(":")[0], asked)
    node = next((node for node in graph_def.node if node.name == source.partition(":")[0]), None)
    if node is None:
        raise ModelError(f"{path}: the output '{asked}' does not depend on the input '{given}'")
    shape = _stated_shape(tf, node, path)
    scope = "model"
    while scope in (given.partition("/")[0], asked.partition("/")[0]):
        scope += "_"
    v1 = tf.compat.v1
    with loading(path), v1.Graph().as_default() as graph:
        fed = v1.placeholder(tf.dtypes.as_dtype(node.attr["dtype"].type), shape, name=given)
        (answer,) = v1.import_graph_def(graph_def, {source: fed}, [output], name=scope)
        end = tf.identity(answer, name=asked)
        part = needed(tf, graph.as_graph_def(), end.name, path)
    if all(node.name != fed.op.name for node in part.node):
        raise ModelError(f"{path}: the output '{asked}' does not depend on the input '{given}'")
    return Frozen(part, fed.name, end.name)
