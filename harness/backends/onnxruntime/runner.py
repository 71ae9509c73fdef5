"""An ONNX model in ONNX Runtime: one session, whole batches; providers and types read back from a run."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.backends.arrays import InputShape, fed, input_shape, not_pixels, require_width, rows_of, table_of
from harness.backends.base import Backend, Loaded, Pixels, Probabilities
from harness.backends.batches import SideBySide, default_batch, rows_of_each_batch
from harness.backends.dependence import refuse_dependence
from harness.backends.names import find_by_name, require_one_input
from harness.backends.onnxruntime.external_data import private_copy
from harness.backends.onnxruntime.facts import FACTS
from harness.backends.onnxruntime.framework import errors, import_onnxruntime, reason, refusal
from harness.backends.onnxruntime.operations import require_known
from harness.backends.onnxruntime.profile import UNKNOWN, WhatRan, what_ran
from harness.backends.onnxruntime.properties import asked, read_back, require_taken
from harness.backends.onnxruntime.providers import provider_of, require_ran, require_used
from harness.disk.leftovers import temporary_folder
from harness.errors import DeviceError, ModelError
from harness.feeding.contract import pixel_table
from harness.machine.environment import cores, cpu_name

_REAL: dict[str, Any] = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
_WHOLE: dict[str, Any] = {
    f"tensor({name})": getattr(np, name)
    for name in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
}
_OTHER_BATCH = 32  # images: of providers that are not the CPU
_THREADING = frozenset(
    {"intra_op_num_threads", "inter_op_num_threads", "execution_mode", "session.intra_op_thread_affinities"}
)


class ONNXRuntimeBackend(Backend):
    """Runs an ONNX model (.onnx with its external data) by one execution provider, in the types that its nodes have.

    Colour order, mean and scale are applied by a table in numpy. No library of custom operators is ever loaded.
    """

    takes_floating = True

    def load(self) -> Loaded:
        """Load the model. Raises ModelError for a bad file or name, DeviceError for an absent device or precision."""
        if self.spec.precision not in ("f32", "device_default"):
            raise DeviceError(f"{self.spec.id}: the backend onnxruntime runs f32, not {self.spec.precision}")
        ort = import_onnxruntime()
        self._provider = provider_of(self.spec, ort.get_available_providers())
        self._asked = asked(ort, self.spec, self._provider.options)
        self._errors = errors()
        require_known(Path(self.spec.model))
        sha256 = self.digest(FACTS)
        self._copies = contextlib.ExitStack()
        # ONNX Runtime maps external data: a write to the file would change the weights of a model that is loaded.
        self._path = self._copies.enter_context(private_copy(Path(self.spec.model)))
        self._use = self._threads(1)
        self._session = self._open(ort)
        self._shape = self._input()
        self._check_output()
        own = default_batch(self.spec.threads or cores()) if self._provider.is_cpu else _OTHER_BATCH
        self._batch = self._shape.batch or self.spec.batch or own
        if self._threads(self._batch) != self._use:  # too few batches for one thread each
            self._use = self._threads(self._batch)
            self._session = self._open(ort)
        ran = self._probe(ort)
        elsewhere = require_ran(self.spec, self._provider, ran.nodes)
        if not FACTS.has_loops(Path(self.spec.model)):
            refuse_dependence(self.spec, partial(self._answer, self._session), self._shape.batch)
        return Loaded(
            backend=f"onnxruntime {ort.__version__}",
            device=self.spec.device,
            device_name=cpu_name() if self._provider.is_cpu else " ".join(self._provider_words()),
            effective_precision=ran.precision,
            model_sha256=sha256,
            warnings=(*self._warnings(ran.precision), *elsewhere),
            details={
                "batch": self._batch,
                "threads": self._use.runs * (self._session.get_session_options().intra_op_num_threads or cores()),
                "streams": self._use.runs,
                "layout": self._shape.layout,
                "providers": list(ran.nodes),
                "nodes_by_provider": dict(ran.nodes),
            },
            properties=read_back(
                self.spec,
                self._session.get_session_options(),
                self._asked,
                self._session.get_provider_options().get(self._provider.name, {}),
            ),
        )

    def opened(self, model: bytes) -> Any:
        """Return a session of another model in memory, to run alone. Raises what ONNX Runtime raises."""
        return self._session_of(import_onnxruntime(), model, self._use.total)

    def _threads(self, batch: int) -> SideBySide:
        """Return how to use the threads: batches side by side on a CPU, unless the properties decide on threads."""
        threads = self.spec.threads or cores()
        asked_for = {*self._asked.attributes, *self._asked.entries}
        decided = self.spec.hints != "pinned" or not _THREADING.isdisjoint(asked_for)
        return SideBySide(1, threads) if decided or not self._provider.is_cpu else SideBySide.of(threads, batch)

    def _open(self, ort: Any, profile: str | None = None) -> Any:
        try:
            return self._session_of(ort, str(self._path), self._use.threads, profile)
        except self._errors as error:
            raise ModelError(f"{self.spec.model}: {refusal(error)}") from None

    def _session_of(self, ort: Any, model: str | bytes, threads: int, profile: str | None = None) -> Any:
        options = ort.SessionOptions()
        if self.spec.hints == "pinned":
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
        options.log_severity_level = 4
        for name, value in self._asked.attributes.items():
            setattr(options, name, value)
        for name, text in self._asked.entries.items():
            options.add_session_config_entry(name, text)
        if profile:
            options.enable_profiling, options.profile_file_prefix = True, profile
        provider = (self._provider.name, {**self._provider.options, **self._asked.provider})
        session = ort.InferenceSession(model, options, providers=[provider])
        session.disable_fallback()
        require_used(self.spec, self._provider, session.get_providers())
        require_taken(self.spec, self._asked, session.get_provider_options().get(self._provider.name, {}))
        return session

    def _input(self) -> InputShape:
        """Find the input and its type, make its table, and return what its shape says."""
        contract, path = self.spec.input, self.spec.model
        inputs = {port.name: port for port in self._session.get_inputs()}
        port = find_by_name(contract.name, inputs, what="input", model=path)
        require_one_input(path, port.name, inputs)
        self._source = port.name
        element = (_REAL | _WHOLE).get(port.type)
        if element is None:
            raise not_pixels(path, port.name, port.type)
        self._table: NDArray[Any] = table_of(self.spec, pixel_table(contract), element, port.type)
        return input_shape(self.spec, [side if isinstance(side, int) and side > 0 else None for side in port.shape])

    def _check_output(self) -> None:
        outputs = {port.name: port for port in self._session.get_outputs()}
        port = find_by_name(self.spec.output, outputs, what="output", model=self.spec.model)
        self._output = port.name
        if port.type not in _REAL:
            raise ModelError(
                f"{self.spec.model}: the output '{port.name}' has {port.type}, not real numbers; set `output` to "
                "the one with the probabilities"
            )
        sides = [side if isinstance(side, int) and side > 0 else None for side in port.shape]
        require_width(self.spec, sides, self._shape.batch)

    def _probe(self, ort: Any) -> WhatRan:
        """Run one black batch with ONNX Runtime's profile on; a second session, since a profile slows every run."""
        black = np.zeros((self._shape.batch or 1, *self.spec.sides, 3), self.element)
        with temporary_folder("profile") as folder:
            session = self._open(ort, str(folder / "profile"))
            try:
                self._rows(session, black)
            finally:
                profile = Path(session.end_profiling())
            return what_ran(profile)

    def _warnings(self, effective: str) -> tuple[str, ...]:
        asked = self.spec.precision
        if asked in (effective, "device_default"):
            return ()
        if effective == UNKNOWN and not self._provider.is_cpu:
            return (f"{self.spec.id}: {asked} was requested; {self._provider.name} does not report its precision",)
        return (f"{self.spec.id}: {asked} was requested, but the model computes in {effective}",)

    def _provider_words(self) -> tuple[str, ...]:
        shown = (f"{key}={value}" for key, value in self._provider.options.items() if key.startswith("device_"))
        return (self._provider.name, *shown)

    @property
    def ports(self) -> tuple[str, str]:
        """Names of the input and of the output."""
        return self._source, self._output

    @property
    def batch(self) -> tuple[int, bool]:
        """The number of images that go in at once, and whether the model takes no fewer."""
        return self._batch, self._shape.batch is not None

    def fed(self, part: Pixels) -> NDArray[Any]:
        """Return the model's input for pixels."""
        return fed(self.spec, self._table, part, self._shape.layout)

    def _answer(self, session: Any, part: Pixels) -> NDArray[Any]:
        """Return the output for a part of the pixels. Raises ModelError if ONNX Runtime fails."""
        try:
            (answer,) = session.run([self._output], {self._source: self.fed(part)})
        except self._errors as error:
            raise ModelError(f"{self.spec.model}: ONNX Runtime failed: {reason(error)}") from None
        return np.asarray(answer)

    def _rows(self, session: Any, part: Pixels) -> Probabilities:
        """Return float32 (len(part), outputs)."""
        return rows_of(self.spec, self._answer(session, part), len(part))

    def _infer(self, pixels: Pixels) -> Probabilities:
        def rows(part: Pixels) -> Probabilities:
            self.refuse_abandoned()
            return self._rows(self._session, part)

        return rows_of_each_batch(
            rows, pixels, self._batch, self.spec.outputs,
            fixed=self._shape.batch is not None, runs=self._use.runs, latencies=self._latencies,
        )  # fmt: skip

    def close(self) -> None:
        """Free the session, and remove the copy of its weights."""
        self.__dict__.pop("_session", None)
        if copies := self.__dict__.pop("_copies", None):
            copies.close()
