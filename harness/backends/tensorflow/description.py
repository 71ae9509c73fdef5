"""What a frozen graph states about itself: its inputs and outputs. It states nothing of colour, mean or scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.backends.description import ModelDescription, Tensor, shape_of
from harness.backends.tensorflow.framework import import_tensorflow, loading
from harness.backends.tensorflow.graph_def import read_graph
from harness.backends.tensorflow.nodes import parsed_graph
from harness.backends.tensorflow.operations import Operations, refuse_operations
from harness.errors import ModelError

_SHAPE_ONLY = ("Reshape", "Identity", "Squeeze", "ExpandDims")


def describe(model: Path) -> ModelDescription:
    """Return inputs and outputs of a frozen graph; an output that needs a forbidden operation is left out.

    Raises ModelError if it is not a frozen graph, or all outputs need forbidden operations.
    """
    graph = read_graph(model)
    tf = import_tensorflow()
    whole = parsed_graph(tf, model)
    return described(tf, whole, graph.inputs, graph.outputs, model)


def described(
    tf: Any, graph_def: Any, inputs: list[str], outputs: list[str], model: Path, source: str = ""
) -> ModelDescription:
    """Return the description of a graph without variables; names of its nodes, with or without ``:0``."""
    found, refused = [], None
    for name in outputs:
        try:
            with loading(model):
                part = tf.compat.v1.graph_util.extract_sub_graph(graph_def, [_node(name)])
                refuse_operations(Operations.of(part), model)
                found.append(_output(tf, part, name))
        except ModelError as error:
            refused = error
    if not found:
        raise refused or ModelError(f"{model}: the graph has no output")
    nodes = {node.name: node for node in graph_def.node}
    with loading(model):
        taken = tuple(_input(tf, nodes[_node(name)]) for name in inputs)
    return ModelDescription(
        inputs=taken,
        outputs=tuple(found),
        source=source or f"nodes of {model.name}",
        derivation="trained",
    )


def _node(name: str) -> str:
    return name.partition(":")[0]


def _input(tf: Any, node: Any) -> Tensor:
    shape = node.attr["shape"].shape
    sides = None if shape.unknown_rank or not shape.dim else shape_of([int(side.size) for side in shape.dim])
    return Tensor(node.name, sides, tf.dtypes.as_dtype(node.attr["dtype"].type).name)


def _output(tf: Any, graph_def: Any, name: str) -> Tensor:
    with tf.Graph().as_default() as graph:
        tf.compat.v1.import_graph_def(graph_def, name="")
    tensor = graph.get_tensor_by_name(name if ":" in name else f"{name}:0")
    producer = tensor.op
    while producer.type in _SHAPE_ONLY:
        producer = producer.inputs[0].op
    shape = None if tensor.shape.rank is None else shape_of(tensor.shape.as_list())
    return Tensor(name, shape, tensor.dtype.name, operation=producer.type)
