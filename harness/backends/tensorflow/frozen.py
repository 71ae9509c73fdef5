"""A model as a frozen graph in memory, as converters between formats read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.backends.tensorflow.framework import import_tensorflow
from harness.backends.tensorflow.graph_def import read_graph, tensor_name
from harness.backends.tensorflow.nodes import parsed_graph
from harness.backends.tensorflow.operations import Operations, refuse_operations, refuse_training
from harness.config import Reference
from harness.disk.parsing import parsing
from harness.errors import ModelError


@dataclass(frozen=True)
class Frozen:
    """A ``tf.compat.v1.GraphDef`` without variables, and the names of the tensors (``x:0``) that are fed and read."""

    graph_def: Any
    input: str
    output: str


def frozen(reference: Reference) -> Frozen:
    """Return a frozen graph (.pb) as it is. Raises ModelError if it is none or a name is wrong."""
    graph = read_graph(reference.model)
    source = graph.find_input(reference.input.tensor, "reference.input.name")
    output = graph.find_output(reference.named_output, "reference.output")
    tf = import_tensorflow()
    graph_def = parsed_graph(tf, reference.model)
    with parsing(reference.model, ModelError, "fetch or freeze it again", what="cut off, or no frozen graph"):
        needed = tf.compat.v1.graph_util.extract_sub_graph(graph_def, [output.rpartition(":")[0]])
    found = Operations.of(needed)
    refuse_operations(found, reference.model, frozenset(reference.allow_ops))
    refuse_training(found, reference.model)
    return Frozen(graph_def, tensor_name(source), tensor_name(output))
