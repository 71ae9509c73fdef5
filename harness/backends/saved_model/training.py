"""What a SavedModel's serving signature has of training, read without TensorFlow.

The fields are those of saved_model.proto, meta_graph.proto and graph.proto in tensorflow/core/protobuf and framework.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.backends.tensorflow.graph_def import Graph, graph_of
from harness.backends.tensorflow.operations import refuse_training
from harness.backends.wire import fields

_META_GRAPH = 2  # of SavedModel
_GRAPH_DEF, _SIGNATURE = 2, 5  # of MetaGraphDef
_KEY, _VALUE = 1, 2  # of an entry of a map
_OUTPUTS, _NAME = 2, 1  # of SignatureDef, TensorInfo
_DEFAULT = "serving_default"


def refuse_training_of(path: Path) -> None:
    """Refuse a SavedModel's file whose signature normalises by the batch.

    Only the serving signature is checked; an unreadable file is left to the code that opens it. Raises ModelError.
    """
    try:
        metas = list(_parts(memoryview(path.read_bytes()), _META_GRAPH))
        for meta in metas:
            signatures = dict(map(_signature, _parts(meta, _SIGNATURE)))
            outputs = signatures.get(_DEFAULT) or next(iter(signatures.values()), [])
            graphs = [graph_of(path, bytes(part)) for part in _parts(meta, _GRAPH_DEF)]
            for graph in graphs:
                _refuse(graph, outputs)
    except (OSError, ValueError):
        return


def _refuse(graph: Graph, outputs: list[str]) -> None:
    for name in outputs:
        if name in graph.nodes:
            refuse_training(graph.reached_from(name), graph.path)


def _parts(message: memoryview, wanted: int) -> Iterator[memoryview]:
    return (value for number, value in fields(message) if number == wanted and isinstance(value, memoryview))


def _signature(entry: memoryview) -> tuple[str, list[str]]:
    """Return the name of a signature, and the nodes of its outputs."""
    name = "".join(bytes(part).decode() for part in _parts(entry, _KEY))
    tensors = [
        bytes(text).decode()
        for signature in _parts(entry, _VALUE)
        for output in _parts(signature, _OUTPUTS)
        for info in _parts(output, _VALUE)
        for text in _parts(info, _NAME)
    ]
    return name, [tensor.partition(":")[0] for tensor in tensors]
