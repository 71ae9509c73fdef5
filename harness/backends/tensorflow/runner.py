"""A frozen TensorFlow graph: loaded once, one session, whole batches, nothing set up per image."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.backends.base import Backend, Loaded, Pixels, Probabilities, size_key, wrong_width
from harness.backends.batches import in_batches
from harness.backends.names import find_by_name
from harness.backends.tensorflow.facts import FACTS
from harness.backends.tensorflow.framework import import_tensorflow, reason
from harness.backends.tensorflow.precision import effective_precision
from harness.errors import DeviceError, ModelError
from harness.feeding.contract import is_identity, is_reversed, pixel_table
from harness.machine.environment import cpu_name

# Operations that reach outside the graph. A network that classifies pixels has no use for them; a hostile file has.
_FORBIDDEN = frozenset({
    "EagerPyFunc", "LoadAndRemapMatrix", "MatchingFiles", "PrintV2", "PyFunc", "PyFuncStateless", "ReadFile", "Restore",
    "RestoreSlice", "RestoreV2", "Save", "SaveSlices", "SaveV2", "ShardedFilename", "WriteFile",
})  # fmt: skip
_FORBIDDEN_LIKE = re.compile(r"^Debug|^Rpc|^Remote|Checkpoint|Dataset|ImportEvent|Iterator|Reader|Summary|TextFile")
_OWN = "harness_pixels"


class TensorFlowBackend(Backend):
    """Runs a frozen graph (.pb) on the CPU, in the types that its operations have: float32 as a rule.

    Pixels enter as uint8; colour order, mean and scale are applied inside the graph by a table (exact in every bit).
    """

    takes_floating = True

    def load(self) -> Loaded:
        """Load the graph. Raises ModelError for a bad file or name, DeviceError for another device or precision."""
        if self.spec.precision not in ("f32", "device_default"):
            raise DeviceError(f"{self.spec.id}: the backend tensorflow runs f32, not {self.spec.precision}")
        if self.spec.device != "CPU":
            raise DeviceError(f"{self.spec.id}: the backend tensorflow runs on the CPU, not on {self.spec.device}")
        tf = import_tensorflow()
        tf1 = tf.compat.v1
        sha256 = self.digest(FACTS)
        graph_def = _read_graph(tf1, self.spec.model)
        nodes = {node.name: node for node in graph_def.node}
        placeholders = {f"{name}:0": node for name, node in nodes.items() if node.op == "Placeholder"}
        source = find_by_name(self.spec.input.name, placeholders, what="input", model=self.spec.model)
        fed_on = {name.lstrip("^").partition(":")[0] for node in graph_def.node for name in node.input}
        results_first = sorted(nodes, key=lambda name: name in fed_on)
        output = find_by_name(
            self.spec.output, {f"{name}:0": nodes[name] for name in results_first}, what="output", model=self.spec.model
        )
        fixed = self._fixed_batch(source)
        self._batch = fixed or self.spec.batch or 32
        self._pad = fixed is not None
        absent = sorted(fed_on - set(nodes))
        if absent:
            raise ModelError(f"{self.spec.model}: cut off, '{absent[0]}' is missing; fetch or freeze the graph again")
        graph_def = tf1.graph_util.extract_sub_graph(graph_def, [output.name])
        _refuse_forbidden(graph_def, self.spec.model)
        if all(node.name != source.name for node in graph_def.node):
            raise ModelError(
                f"{self.spec.model}: the output '{output.name}' does not depend on the input '{source.name}'"
            )
        graph = tf1.Graph()
        with graph.as_default():
            pixels = tf1.placeholder(self._element(tf), [fixed, *self.spec.sides, 3], name=_OWN)
            fed = self._normalised(tf, pixels)
            try:
                tf1.import_graph_def(graph_def, name="", input_map={f"{source.name}:0": fed})
            except (ValueError, tf.errors.OpError) as error:
                raise ModelError(f"{self.spec.model}: the graph cannot be loaded: {reason(error)}") from None
        threads = self.spec.threads or os.cpu_count() or 1
        options = tf1.ConfigProto(
            intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1, device_count={"GPU": 0}
        )
        self._session = tf1.Session(graph=graph, config=options)
        self._run: Callable[[Pixels], Any] = self._session.make_callable(f"{output.name}:0", [f"{_OWN}:0"])
        self._errors = (tf.errors.OpError, ValueError)
        self._check_width(graph.get_tensor_by_name(f"{output.name}:0"))
        effective = effective_precision(graph_def, source.name, os.environ)
        return Loaded(
            backend=f"tensorflow {tf.__version__}",
            device="CPU",
            device_name=cpu_name(),
            effective_precision=effective,
            model_sha256=sha256,
            warnings=self._warnings(effective),
            details={
                "batch": self._batch,
                "threads": threads,
                "onednn_opts": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
            },
        )

    def _warnings(self, effective: str) -> tuple[str, ...]:
        asked = self.spec.precision
        if asked in (effective, "device_default"):
            return ()
        return (f"{self.spec.id}: {asked} was asked, the graph computes in {effective}",)

    def _fixed_batch(self, placeholder: Any) -> int | None:
        """Return the batch size that the graph insists on, or None where it is free."""
        shape = placeholder.attr["shape"].shape
        sides = [dimension.size for dimension in shape.dim]
        if shape.unknown_rank or not sides:
            return None
        height, width = self.spec.sides
        if len(sides) != 4 or any(
            have not in (-1, want) for have, want in zip(sides[1:], (height, width, 3), strict=True)
        ):
            raise ModelError(
                f"{self.spec.model}: the input '{placeholder.name}' has the shape {sides}, "
                f"[?, {height}, {width}, 3] is configured ({size_key(height, width)})"
            )
        return int(sides[0]) if sides[0] > 0 else None

    def _element(self, tf: Any) -> Any:
        return tf.float32 if self.spec.floating else tf.uint8

    def _normalised(self, tf: Any, pixels: Any) -> Any:
        """Add uint8 BGR to what the model expects: channels reversed for RGB, mean and scale by a table."""
        ordered = tf.reverse(pixels, [-1]) if is_reversed(self.spec.input) else pixels
        if is_identity(self.spec.input):
            return tf.cast(ordered, tf.float32)
        if self.spec.floating:
            contract = self.spec.input
            mean, scale = np.array((contract.mean_per_channel, contract.scale_per_channel), np.float32)
            return (ordered - tf.constant(mean)) / tf.constant(scale)
        table = pixel_table(self.spec.input)
        index = tf.cast(ordered, tf.int32)
        if (table == table[0]).all():
            return tf.gather(tf.constant(table[0]), index)
        return tf.gather(tf.constant(table.reshape(-1)), index + tf.constant([0, 256, 512], tf.int32))

    def _check_width(self, tensor: Any) -> None:
        width = tensor.shape[-1] if tensor.shape.rank else None
        if width is not None and width != self.spec.outputs:
            raise ModelError(wrong_width(self.spec.model, self.spec.output, int(width), self.spec.outputs))

    def _infer(self, pixels: Pixels) -> Probabilities:
        result = np.empty((len(pixels), self.spec.outputs), np.float32)
        for start, count, part in in_batches(pixels, self._batch, fixed=self._pad):
            try:
                rows = np.asarray(self._run(part), np.float32).reshape(len(part), -1)
            except self._errors as error:
                raise ModelError(f"{self.spec.model}: TensorFlow failed: {reason(error)}") from None
            if rows.shape[1] != self.spec.outputs:
                raise ModelError(wrong_width(self.spec.model, self.spec.output, rows.shape[1], self.spec.outputs))
            result[start : start + count] = rows[:count]
        return result

    def close(self) -> None:
        """Close the session."""
        if hasattr(self, "_session"):
            self._session.close()


def _read_graph(tf1: Any, path: str) -> Any:
    from google.protobuf.message import DecodeError

    graph_def = tf1.GraphDef()
    try:
        with open(path, "rb") as stream:
            graph_def.ParseFromString(stream.read())
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    except DecodeError:
        raise ModelError(f"{path}: no frozen TensorFlow graph, or cut off; fetch or freeze it again") from None
    if not graph_def.node:
        raise ModelError(f"{path}: a graph without any operation; fetch or freeze it again")
    return graph_def


def _refuse_forbidden(graph_def: Any, path: str) -> None:
    functions = [node for function in graph_def.library.function for node in function.node_def]
    for node in [*graph_def.node, *functions]:
        if node.op in _FORBIDDEN or _FORBIDDEN_LIKE.search(node.op):
            raise ModelError(f"{path}: refused, its operation '{node.name}' ({node.op}) reaches outside the graph")
        if node.op in ("VariableV2", "VarHandleOp", "Variable"):
            raise ModelError(f"{path}: not frozen ('{node.name}' is a variable); freeze the graph with its checkpoint")
