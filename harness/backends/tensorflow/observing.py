"""The outputs of the operations of a TensorFlow graph: one session that computes many tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.backends.base import Backend, Pixels, Probabilities
from harness.backends.observing import Floats, Network, Observer
from harness.backends.tensorflow.framework import import_tensorflow, reason
from harness.backends.tensorflow.network import network_of
from harness.backends.tensorflow.runner import TensorFlowBackend
from harness.errors import ModelError


def observe(backend: Backend) -> Observer:
    """Return the observer of a loaded model of any format that runs as a TensorFlow graph."""
    if not isinstance(backend, TensorFlowBackend):
        raise TypeError(f"{type(backend).__name__} does not run a TensorFlow graph")
    return GraphObserver(backend)


class GraphObserver(Observer):
    """A TensorFlow graph with its functions inlined, in a session of its own."""

    def __init__(self, backend: TensorFlowBackend) -> None:
        self._backend = backend
        tf = import_tensorflow()
        graph_def, (self._pixels, fed, output) = backend.whole_graph()
        self._errors = (tf.errors.OpError, ValueError)
        path = backend.spec.model
        try:
            flat = _inlined(tf, graph_def, [self._pixels, fed, output])
            graph = tf.Graph()
            with graph.as_default():
                tf.graph_util.import_graph_def(flat, name="")
        except self._errors as error:
            raise ModelError(f"{path}: the graph's functions cannot be inlined: {reason(error)}") from None
        self._session = tf.compat.v1.Session(graph=graph, config=backend.options(tf))
        self.network: Network = network_of(self._session, flat, fed.partition(":")[0], output.partition(":")[0])

    def answers(self, pixels: Pixels) -> Probabilities:
        """Return the graph's output, float32 (n, outputs)."""
        return self._backend.infer(pixels)

    def activations(self, pixels: Pixels, names: Sequence[str]) -> dict[str, Floats]:
        """Return the outputs of the named operations, float32 (n, ...), channels where the graph has them."""
        tensors = [f"{name}:0" for name in names]
        parts: dict[int, list[Floats]] = {}

        def infer(start: int, count: int, part: Pixels) -> None:
            try:
                found = self._session.run(tensors, {self._pixels: part})
            except self._errors as error:
                raise ModelError(f"{self._backend.spec.model}: TensorFlow failed: {reason(error)}") from None
            parts[start] = [np.asarray(value, np.float32)[:count] for value in found]

        self._backend.in_batches(infer, pixels)
        rows = zip(*(parts[start] for start in sorted(parts)), strict=True)
        return {name: np.concatenate(values) for name, values in zip(names, rows, strict=True)}

    def close(self) -> None:
        """Close the session."""
        self._session.close()


def _inlined(tf: Any, graph_def: Any, tensors: Sequence[str]) -> Any:
    """Return a graph without calls of functions, so that every operation has a name."""
    if not graph_def.library.function:
        return graph_def
    from tensorflow.core.protobuf import meta_graph_pb2, rewriter_config_pb2
    from tensorflow.python.grappler import tf_optimizer

    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(graph_def, name="")
    meta = tf.compat.v1.train.export_meta_graph(graph_def=graph.as_graph_def(), graph=graph)
    kept = meta_graph_pb2.CollectionDef()
    kept.node_list.value.extend(tensors)
    meta.collection_def["train_op"].CopyFrom(kept)
    config = tf.compat.v1.ConfigProto()
    rewriting = config.graph_options.rewrite_options
    rewriting.min_graph_nodes = -1
    rewriting.optimizers.append("function")
    rewriting.function_optimization = rewriter_config_pb2.RewriterConfig.AGGRESSIVE
    return tf_optimizer.OptimizeGraph(config, meta)
