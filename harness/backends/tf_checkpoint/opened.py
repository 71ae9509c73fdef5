"""A checkpoint with its graph as a frozen graph: the part between input and output, with the values as constants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.backends.names import find_by_name
from harness.backends.tensorflow.exporting import written
from harness.backends.tensorflow.framework import loading
from harness.backends.tensorflow.freezing import freeze, needed, renamed
from harness.backends.tensorflow.frozen import Frozen
from harness.backends.tensorflow.graph_def import tensor_name
from harness.backends.tensorflow.nodes import PLACEHOLDERS, fed_on, parsed
from harness.backends.tensorflow.ports import Port, Ports, sides_of
from harness.backends.tensorflow.restoring import stored_values
from harness.backends.tf_checkpoint.files import prefix_of, require_harmless
from harness.backends.tf_checkpoint.framework import import_framework
from harness.config import Reference
from harness.errors import ModelError

# What gives images to the training graphs that have no placeholder for them.
_SOURCES = ("IteratorGetNext", "QueueDequeueV2", "QueueDequeueManyV2", "QueueDequeueUpToV2")


def open_checkpoint(tf: Any, path: Path, *, names: tuple[str | None, str | None], allow: frozenset[str]) -> Frozen:
    """Return the graph between an input and an output as a frozen graph.

    What comes before the input, such as the queue of a training graph, and what comes after the output, such as a loss,
    is left out. ``names``: of the input and the output. Raises ModelError.
    """
    require_harmless(path)
    meta = _read(path)
    nodes = {f"{node.name}:0": node for node in meta.graph_def.node}
    placeholders_first = sorted(nodes, key=lambda name: nodes[name].op not in PLACEHOLDERS)
    source = find_by_name(names[0], {name: nodes[name] for name in placeholders_first}, what="input", model=str(path))
    output = find_by_name(names[1], _ends_first(nodes), what="output", model=str(path))
    stored = stored_values(meta)
    graph_def = meta.graph_def
    if source.op not in PLACEHOLDERS:
        _as_placeholder(tf, graph_def, source, path)
    part = needed(tf, graph_def, output.name, path)
    constant = freeze(tf, part, path, prefix_of(path), stored, allow)
    return renamed(tf, constant, path, (f"{source.name}:0", f"{output.name}:0"), names, allow)


def ports(path: Path) -> Ports:
    """Return what gives the graph data, and the nodes that compute something from it and that no other reads.

    Texts give no data: the saver's file names, and with them its own nodes, are left out. Raises ModelError.
    """
    tf = import_framework()
    require_harmless(path)
    meta = _read(path)
    nodes = {node.name: node for node in meta.graph_def.node}
    read = fed_on(nodes.values())
    graph = _imported(tf, meta.graph_def, path)
    inputs = [name for name, node in nodes.items() if node.op in (*PLACEHOLDERS, *_SOURCES)]
    given = {name: _port(tf, graph, name) for name in inputs}
    given = {name: port for name, port in given.items() if port.dtype != "string"}
    computed = _computed_from(given, nodes)
    ends = [name for name in nodes if name in computed and name not in read and name not in given]
    outputs = [name for name in ends if graph.get_operation_by_name(name).outputs]
    return Ports(given, {name: _port(tf, graph, name) for name in outputs})


def _computed_from(given: Iterable[str], nodes: Mapping[str, Any]) -> set[str]:
    """Return the names of all nodes that read one of the given ones, directly or not."""
    readers: dict[str, list[str]] = {}
    for name, node in nodes.items():
        for source in node.input:
            if not source.startswith("^"):
                readers.setdefault(source.partition(":")[0], []).append(name)
    found: set[str] = set()
    waiting = list(given)
    while waiting:
        new = [name for name in readers.get(waiting.pop(), []) if name not in found]
        found.update(new)
        waiting += new
    return found


def frozen(reference: Reference) -> Frozen:
    """Return the configured part as a frozen graph. Raises ModelError."""
    names = (reference.input.name, reference.output_name)
    return open_checkpoint(import_framework(), reference.model, names=names, allow=frozenset(reference.allow_ops))


def exported(reference: Reference, folder: Path) -> Path:
    """Write the configured part as a frozen graph into a folder; return its path. Raises ModelError."""
    return written(frozen(reference), folder)


def _read(path: Path) -> Any:
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

    meta = parsed(MetaGraphDef(), path, "not the graph of a checkpoint, or cut off; copy the .meta file again")
    if not meta.graph_def.node:
        raise ModelError(f"{path}: the graph has no operation; copy the .meta file again")
    return meta


def _ends_first(nodes: dict[str, Any]) -> dict[str, Any]:
    read = fed_on(nodes.values())
    return {name: nodes[name] for name in sorted(nodes, key=lambda name: nodes[name].name in read)}


def _as_placeholder(tf: Any, graph_def: Any, node: Any, path: Path) -> None:
    """Replace a node that gives the images by a placeholder, so that its inputs are not needed."""
    graph = _imported(tf, graph_def, path)
    with loading(path):
        tensor = graph.get_tensor_by_name(tensor_name(node.name))
    node.op = "Placeholder"
    node.attr.clear()
    del node.input[:]
    node.attr["dtype"].type = tensor.dtype.as_datatype_enum
    node.attr["shape"].shape.CopyFrom(tensor.shape.as_proto())


def _imported(tf: Any, graph_def: Any, path: Path) -> Any:
    graph = tf.compat.v1.Graph()
    with loading(path), graph.as_default():
        tf.compat.v1.import_graph_def(graph_def, name="")
    return graph


def _port(tf: Any, graph: Any, name: str) -> Port:
    tensor = graph.get_tensor_by_name(tensor_name(name))
    return Port(tensor.name, sides_of(tf, tensor.shape), tensor.dtype.base_dtype.name)
