"""A frozen TensorFlow graph: loaded once, one session, whole batches, nothing set up per image."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.backends.arrays import input_shape, not_pixels, require_width, rows_of
from harness.backends.base import Backend, Loaded, Pixels, Probabilities
from harness.backends.batches import SideBySide, default_batch, each_batch, rows_of_each_batch
from harness.backends.dependence import refuse_dependence
from harness.backends.names import find_by_name
from harness.backends.registry import BackendFacts
from harness.backends.tensorflow.facts import FACTS
from harness.backends.tensorflow.framework import import_tensorflow, loading, reason
from harness.backends.tensorflow.freezing import refuse_unfed
from harness.backends.tensorflow.frozen import Frozen
from harness.backends.tensorflow.graph_def import tensor_name
from harness.backends.tensorflow.nodes import PLACEHOLDERS, fed_on, parsed_graph
from harness.backends.tensorflow.operations import FREEZE, Operations, refuse_operations, refuse_training
from harness.backends.tensorflow.precision import effective_precision
from harness.config.models import ElementType
from harness.errors import CannotHoldError, DeviceError, ModelError
from harness.feeding.contract import holds, is_identity, is_reversed, pixel_table
from harness.machine.environment import cores, cpu_name

_NO_RESULTS = ("Const", "NoOp", *PLACEHOLDERS)


class TensorFlowBackend(Backend):
    """Runs a frozen graph (.pb) on the CPU, in the types that its operations have: float32 as a rule.

    Pixels enter as uint8; colour order, mean and scale are applied inside the graph by a table (exact in every bit).
    """

    takes_floating = True
    facts: ClassVar[BackendFacts] = FACTS

    def load(self) -> Loaded:
        """Load the graph. Raises ModelError for a bad file or name, DeviceError for another device or precision."""
        name = self.facts.name
        if self.spec.precision not in ("f32", "device_default"):
            raise DeviceError(f"{self.spec.id}: the backend {name} runs f32, not {self.spec.precision}")
        if self.spec.device != "CPU":
            raise DeviceError(f"{self.spec.id}: the backend {name} runs on the CPU, not on {self.spec.device}")
        tf = self._imported()
        tf1 = tf.compat.v1
        sha256 = self.digest(self.facts)
        opened = self._opened(tf)
        graph_def = opened.graph_def
        nodes = {node.name: node for node in graph_def.node}
        with loading(self.spec.model):
            source, output = nodes[tensor_name(opened.input)[:-2]], nodes[tensor_name(opened.output)[:-2]]
        fixed = self._fixed_batch(source)
        threads = self.spec.threads or cores()
        self._batch = fixed or self.spec.batch or default_batch(threads)
        self._fixed, self._pad = fixed, fixed is not None
        absent = sorted(fed_on(graph_def.node) - set(nodes))
        if absent:
            raise ModelError(f"{self.spec.model}: cut off, '{absent[0]}' is missing; fetch or freeze the graph again")
        with loading(self.spec.model):
            graph_def = tf1.graph_util.extract_sub_graph(graph_def, [output.name])
        found = Operations.of(graph_def)
        refuse_operations(found, self.spec.model, frozenset(self.spec.allow_ops))
        refuse_training(found, self.spec.model)
        refuse_unfed(graph_def, self.spec.model, source.name, self.spec.output or "output")
        devices = _without_devices(graph_def)
        if all(node.name != source.name for node in graph_def.node):
            raise ModelError(
                f"{self.spec.model}: the output '{output.name}' does not depend on the input '{source.name}'"
            )
        graph = tf1.Graph()
        with loading(self.spec.model), graph.as_default():
            scope = _unused_scope(graph_def)
            with tf1.name_scope(f"{scope}/"):
                pixels = tf1.placeholder(self._element(tf), [fixed, *self.spec.sides, 3], name="pixels")
                fed = self._as_placeholder(tf, self._normalised(tf, pixels), source)
            tf1.import_graph_def(graph_def, name="", input_map={f"{source.name}:0": fed})
        self._use = SideBySide.of(threads, self._batch)
        self._session = tf1.Session(graph=graph, config=self.options(tf))
        self._names = (pixels.name, fed.name, f"{output.name}:0")
        with loading(self.spec.model):
            self._run: Callable[[Pixels], Any] = self._session.make_callable(f"{output.name}:0", [pixels.name])
            self._check_width(graph.get_tensor_by_name(f"{output.name}:0"))
        if not self.spec.allow_ops and not self.facts.has_loops(Path(self.spec.model)):
            refuse_dependence(self.spec, self._answer, self._fixed, FREEZE)
        effective = effective_precision(graph_def, source.name, os.environ)
        return Loaded(
            backend=self._framework(tf),
            device="CPU",
            device_name=cpu_name(),
            effective_precision=effective,
            model_sha256=sha256,
            warnings=(*self._warnings(effective), *self._device_warnings(devices)),
            details={
                "batch": self._batch,
                "threads": self._use.total,
                "streams": self._use.runs,
                "onednn_opts": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
            },
        )

    def _imported(self) -> Any:
        """Import TensorFlow, and the model's other dependencies. Raises ModelError with what to install."""
        return import_tensorflow(self.facts.name)

    def _framework(self, tf: Any) -> str:
        """Return the name and version of what runs the model, for the record."""
        return f"tensorflow {tf.__version__}"

    def _opened(self, tf: Any) -> Frozen:
        """Read the model as a frozen graph, with the names of its input and output (``x:0``). Raises ModelError."""
        graph_def = parsed_graph(tf, self.spec.model)
        nodes = {node.name: node for node in graph_def.node}
        placeholders = {f"{name}:0": node for name, node in nodes.items() if node.op in PLACEHOLDERS}
        source = find_by_name(self.spec.input.name, placeholders, what="input", model=self.spec.model)
        read = fed_on(graph_def.node)
        results_first = sorted(nodes, key=lambda name: name in read)
        if self.spec.output is None:
            results_first = [name for name in nodes if name not in read and nodes[name].op not in _NO_RESULTS]
        output = find_by_name(
            self.spec.output, {f"{name}:0": nodes[name] for name in results_first}, what="output", model=self.spec.model
        )
        return Frozen(graph_def, f"{source.name}:0", f"{output.name}:0")

    def _warnings(self, effective: str) -> tuple[str, ...]:
        asked = self.spec.precision
        if asked in (effective, "device_default"):
            return ()
        return (f"{self.spec.id}: {asked} was requested, but the graph computes in {effective}",)

    def _device_warnings(self, devices: list[str]) -> tuple[str, ...]:
        if not devices:
            return ()
        return (f"{self.spec.id}: the graph places operations on {', '.join(devices)}; they run on the CPU",)

    def _as_placeholder(self, tf: Any, fed: Any, placeholder: Any) -> Any:
        """Return what is fed in the type that the graph's own input has."""
        wanted = tf.dtypes.as_dtype(placeholder.attr["dtype"].type)
        if wanted.is_bool or wanted == tf.string:
            raise not_pixels(self.spec.model, placeholder.name, wanted.name)
        given = pixel_table(self.spec.input)
        if wanted.is_integer and (self.spec.floating or not holds(wanted.as_numpy_dtype, given)):
            raise CannotHoldError(
                f"{self.spec.model}: the input '{placeholder.name}' takes {wanted.name}, which cannot hold pixels "
                "after mean and scale; if the graph has mean and scale inside, write `mean: 0` and `scale: 1` in "
                "`input`"
            )
        ordered = tf.transpose(fed, [0, 3, 1, 2]) if self._layout == "NCHW" else fed
        return ordered if ordered.dtype == wanted else tf.cast(ordered, wanted)

    def _fixed_batch(self, placeholder: Any) -> int | None:
        """Return the batch size that the graph insists on, or None if it is free."""
        shape = placeholder.attr["shape"].shape
        sides = [] if shape.unknown_rank else [side.size if side.size > 0 else None for side in shape.dim]
        found = input_shape(self.spec, sides)
        self._layout = found.layout
        return found.batch

    def _element(self, tf: Any) -> Any:
        return tf.float32 if self.spec.floating else tf.uint8

    def _normalised(self, tf: Any, pixels: Any) -> Any:
        """Add uint8 BGR to what the model expects: channels reversed for RGB, mean and scale by a table."""
        ordered = tf.reverse(pixels, [-1]) if is_reversed(self.spec.input) else pixels
        if is_identity(self.spec.input):
            return _rounded(tf, tf.cast(ordered, tf.float32), self.spec.input.element_type)
        if self.spec.floating:
            contract = self.spec.input
            mean, scale = np.array((contract.mean_per_channel, contract.scale_per_channel), np.float32)
            values = (ordered - tf.constant(mean)) / tf.constant(scale)
            return _rounded(tf, values, contract.element_type)
        table = pixel_table(self.spec.input)
        if (table == table[0]).all():
            return self._by_one_scale(tf, ordered, table[0])
        index = tf.cast(ordered, tf.int32)
        return tf.gather(tf.constant(table.reshape(-1)), index + tf.constant([0, 256, 512], tf.int32))

    def _by_one_scale(self, tf: Any, ordered: Any, table: Any) -> Any:
        """Add what all channels have in common: computed, which takes a third of the time of looking it up.

        TensorFlow multiplies by the reciprocal of a constant, which rounds to another number, so the scale is none.
        """
        contract = self.spec.input
        if contract.element_type not in (None, "f32"):
            return tf.gather(tf.constant(table), tf.cast(ordered, tf.int32))
        mean, scale = np.float32(contract.mean_per_channel[0]), np.float32(contract.scale_per_channel[0])
        divisor = tf.compat.v1.placeholder_with_default(tf.constant(scale), [])
        return (tf.cast(ordered, tf.float32) - tf.constant(mean)) / divisor

    def _answer(self, part: Pixels) -> Any:
        """Return the output for a part of the pixels. Raises ModelError if the graph fails."""
        try:
            return np.asarray(self._run(part))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  (TensorFlow raises all kinds where a graph cannot run)
            raise ModelError(f"{self.spec.model}: TensorFlow failed: {reason(error)}") from None

    def _check_width(self, tensor: Any) -> None:
        """Compare the number of values per image, without axes of length 1, with what the labels need."""
        require_width(self.spec, tensor.shape.as_list() if tensor.shape.rank else [], self._fixed)
        if not tensor.dtype.is_floating:
            raise ModelError(
                f"{self.spec.model}: the output '{self.spec.output or 'output'}' has {tensor.dtype.name}, not "
                "real numbers; set `output` to the one with the probabilities"
            )

    def _infer(self, pixels: Pixels) -> Probabilities:
        def rows(part: Pixels) -> Probabilities:
            self.refuse_abandoned()
            return rows_of(self.spec, self._answer(part), len(part))

        return rows_of_each_batch(
            rows, pixels, self._batch, self.spec.outputs,
            fixed=self._pad, runs=self._use.runs, latencies=self._latencies,
        )  # fmt: skip

    def in_batches(self, infer: Callable[[int, int, Pixels], None], pixels: Pixels) -> None:
        """Call ``infer`` with each batch, as many at a time as this model runs side by side (``each_batch``)."""
        each_batch(infer, pixels, self._batch, fixed=self._pad, runs=self._use.runs)

    def options(self, tf: Any) -> Any:
        """Return the ConfigProto of a session with threads of its own, one for each run at a time."""
        return tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=self._use.threads,
            inter_op_parallelism_threads=self._use.runs,
            use_per_session_threads=True,
            device_count={"GPU": 0},
        )

    def whole_graph(self) -> tuple[Any, tuple[str, str, str]]:
        """Return the GraphDef that runs, and names (``x:0``) in it: the pixels, what the model is fed, its output."""
        return self._session.graph.as_graph_def(), self._names

    def close(self) -> None:
        """Close the session."""
        if hasattr(self, "_session"):
            self._session.close()


def _rounded(tf: Any, values: Any, element: ElementType | None) -> Any:
    """Return f32 values as the configured element type holds them; integer types are checked before."""
    narrow = {"f16": tf.float16, "bf16": tf.bfloat16}.get(element or "")
    return values if narrow is None else tf.cast(tf.cast(values, narrow), tf.float32)


def _unused_scope(graph_def: Any) -> str:
    """Return a name under which the graph has nothing: what is put in front of it must not bear its own name."""
    scope = "harness_pixels"
    while any(node.name == scope or node.name.startswith(f"{scope}/") for node in graph_def.node):
        scope += "_"
    return scope


def _without_devices(graph_def: Any) -> list[str]:
    """Remove the devices from all operations, since only the CPU is used; return those that were named."""
    functions = [node for function in graph_def.library.function for node in function.node_def]
    found = set()
    for node in [*graph_def.node, *functions]:
        if node.device:
            found.add(node.device)
            node.device = ""
    return sorted(device for device in found if "CPU" not in device.upper())
