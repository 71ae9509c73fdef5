"""A LiteRT model on the CPU: interpreters side by side, scale and zero point of input and output applied."""

from __future__ import annotations

import inspect
import queue
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.backends.arrays import fed, input_shape, require_width, rows_of, table_of
from harness.backends.base import Backend, Loaded, Pixels, Probabilities
from harness.backends.batches import SideBySide, rows_of_each_batch
from harness.backends.dependence import refuse_dependence
from harness.backends.litert.devices import RESOLVERS, WITH_XNNPACK
from harness.backends.litert.facts import FACTS
from harness.backends.litert.framework import import_litert, reason, refusal, without_banner
from harness.backends.litert.operations import require_known
from harness.backends.litert.properties import THREADS, asked, recorded
from harness.backends.names import find_by_name, require_one_input
from harness.backends.quantization import quantization_of
from harness.errors import AbsentDeviceError, DeviceError, ModelError
from harness.feeding.contract import pixel_table
from harness.machine.environment import cores, cpu_name

_SHORT = {"int8": "int8", "uint8": "int8", "int16": "int16", "float16": "f16", "float32": "f32"}
_ERRORS = (RuntimeError, ValueError)
_INTERPRETERS = 4  # at most: each has a copy of the weights, as XNNPACK packs them


class LiteRTBackend(Backend):
    """Runs a LiteRT model (.tflite) on the CPU, in the types that its tensors have.

    Colour order, mean, scale and the input's own scale and zero point are applied by one table in numpy.
    """

    takes_floating = True

    def load(self) -> Loaded:
        """Load the model. Raises ModelError for a bad file or name, DeviceError for another device or precision."""
        if self.spec.precision not in ("f32", "device_default"):
            raise DeviceError(f"{self.spec.id}: the backend litert runs f32, not {self.spec.precision}")
        if self.spec.device not in RESOLVERS:
            devices = " or ".join(RESOLVERS)
            raise AbsentDeviceError(
                f"{self.spec.id}: the backend litert runs on the CPU, not on {self.spec.device}; set `device` to "
                f"{devices}"
            )
        litert = import_litert()
        require_known(Path(self.spec.model))
        sha256 = self.digest(FACTS)
        options = asked(self.spec, inspect.signature(litert.Interpreter).parameters)
        pinned = self.spec.hints == "pinned" and THREADS not in options
        threads = self.spec.threads or cores()
        content = self._content()

        def use_for(batch: int) -> SideBySide:
            return SideBySide.of(threads, batch, _INTERPRETERS) if pinned else SideBySide(1, threads)

        def opened() -> Any:
            return self._open(litert, content, {THREADS: use.threads, **options} if pinned else options)

        use = use_for(1)

        with without_banner():
            self._interpreter = opened()
            warnings = self._set_input()
            self._set_output()
            if use_for(self._batch) != use:  # fewer batches than interpreters
                use = use_for(self._batch)
                self._interpreter = opened()
                self._prepare(self._interpreter)
        self._ready: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._ready.put(self._interpreter)
        if not FACTS.has_loops(Path(self.spec.model)):
            refuse_dependence(self.spec, self._answer, self._batch)  # one interpreter: each has its own state
        with without_banner():
            for _ in range(1, use.runs):
                self._prepare(another := opened())
                self._ready.put(another)
        delegated = self._delegated()
        if self.spec.device == WITH_XNNPACK and not delegated:
            warnings.append(f"{self.spec.id}: XNNPACK runs no part of this model; LiteRT's own kernels run all of it")
        effective = self._effective_precision()
        if self.spec.precision not in (effective, "device_default"):
            warnings.append(
                f"{self.spec.id}: {self.spec.precision} was requested, but the model computes in {effective}"
            )
        return Loaded(
            backend=f"litert {FACTS.version().rpartition(' ')[2]}",
            device=self.spec.device,
            device_name=cpu_name(),
            effective_precision=effective,
            model_sha256=sha256,
            warnings=tuple(warnings),
            details={
                "batch": self._batch,
                "threads": use.total if pinned else options.get(THREADS),
                "streams": use.runs,
                "layout": self._layout,
                "xnnpack_parts": delegated,
            },
            properties=recorded(self.spec),
        )

    def _content(self) -> bytes:
        try:
            return Path(self.spec.model).read_bytes()
        except OSError as error:
            raise ModelError(f"{self.spec.model}: cannot be read: {error.strerror}") from None

    def _open(self, litert: Any, content: bytes, options: Mapping[str, Any]) -> Any:
        try:
            resolver = getattr(litert.OpResolverType, RESOLVERS[self.spec.device])
            return litert.Interpreter(model_content=content, experimental_op_resolver_type=resolver, **options)
        except _ERRORS as error:
            raise ModelError(f"{self.spec.model}: {refusal(error)}") from None

    def _set_input(self) -> list[str]:
        """Find the input, fix the batch and make the table of what is fed; return warnings."""
        contract, path = self.spec.input, self.spec.model
        inputs = self._interpreter.get_input_details()
        found = find_by_name(contract.name, self._by_name(inputs, "input"), what="input", model=path)
        require_one_input(path, found["name"], (each["name"] for each in inputs))
        sides = [int(side) if side > 0 else None for side in found["shape_signature"]]
        shape = input_shape(self.spec, sides)
        self._source, self._layout = found["index"], shape.layout
        asked = self.spec.batch if self.spec.rebatch else None
        self._batch = asked or shape.batch or self.spec.batch or 1
        resized = self._batch != shape.batch or None in sides
        height, width = self.spec.sides
        whole = [self._batch, height, width, 3] if shape.layout == "NHWC" else [self._batch, 3, height, width]
        self._resized_to = (whole, None in sides) if resized else None
        self._prepare(self._interpreter)
        return self._make_table(found)

    def _prepare(self, interpreter: Any) -> None:
        try:
            if self._resized_to:
                shape, strict = self._resized_to
                interpreter.resize_tensor_input(self._source, shape, strict=strict)
            interpreter.allocate_tensors()
        except _ERRORS as error:
            raise ModelError(f"{self.spec.model}: LiteRT cannot prepare this model: {reason(error)}") from None

    def _make_table(self, source: Mapping[str, Any]) -> list[str]:
        contract = self.spec.input
        table = pixel_table(contract)
        quantization = quantization_of(source)
        self._stored = quantization.stored if quantization else None
        self._table: NDArray[Any]
        if quantization:
            self._table = quantization.stored(table)
            outside = quantization.saturates(table)
            if outside:
                held = f"scale {quantization.scale:g}, zero point {quantization.zero_point}"
                warning = (
                    f"{self.spec.id}: {outside} of {table.size} pixel values are outside what the input "
                    f"'{contract.name or source['name']}' can hold ({held}); check `mean` and `scale`"
                )
                return [warning]
        else:
            dtype = np.dtype(source["dtype"])
            self._table = table_of(self.spec, table, dtype, f"{dtype} without one scale and zero point")
        return []

    def _set_output(self) -> None:
        outputs = self._by_name(self._interpreter.get_output_details(), "output")
        found = find_by_name(self.spec.output, outputs, what="output", model=self.spec.model)
        self._output, self._quantization = found["index"], quantization_of(found)
        if self._quantization is None and found["dtype"] not in (np.float32, np.float16):
            raise ModelError(
                f"{self.spec.model}: the output '{found['name']}' has {np.dtype(found['dtype'])} without a "
                "single scale and zero point; set `output` to the one with the probabilities"
            )
        key = "shape" if self.spec.rebatch else "shape_signature"
        sides = [int(side) if side > 0 else None for side in found[key]]
        require_width(self.spec, sides, self._batch)

    def _by_name(self, tensors: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
        """Return the tensors by their own names and by those that the model's signatures give them."""
        by_name = {each["name"]: each for each in tensors}
        named = dict(by_name)
        for name, each in self._of_signatures(kind):
            if each["name"] in by_name:
                named.setdefault(name, by_name[each["name"]])
        return named

    def _of_signatures(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """Return the tensors that the model's signatures name. Raises ModelError if a signature is damaged."""
        found: list[tuple[str, dict[str, Any]]] = []
        try:
            for signature in self._interpreter.get_signature_list():
                runner = self._interpreter.get_signature_runner(signature)
                found += (runner.get_input_details() if kind == "input" else runner.get_output_details()).items()
        except _ERRORS as error:
            raise ModelError(f"{self.spec.model}: LiteRT cannot read its signatures: {reason(error)}") from None
        return found

    def _delegated(self) -> int:
        """Return how many parts of the graph a delegate runs: XNNPACK, since no other one is loaded."""
        return sum(each["op_name"] == "DELEGATE" for each in self._interpreter._get_ops_details())  # noqa: SLF001

    def _effective_precision(self) -> str:
        types = {np.dtype(each["dtype"]).name for each in self._interpreter.get_tensor_details()}
        return "+".join(dict.fromkeys(short for name, short in _SHORT.items() if name in types)) or "unknown"

    @property
    def ports(self) -> tuple[int, int]:
        """Indices of the tensors that are fed and read."""
        return self._source, self._output

    @property
    def batch(self) -> int:
        """The number of images that go in at once."""
        return self._batch

    def fed(self, part: Pixels) -> NDArray[Any]:
        """Return the model's input for pixels."""
        return fed(self.spec, self._table, part, self._layout, self._stored)

    def opened_plainly(self, shape: Sequence[int]) -> Any:
        """Return another interpreter of the model, its input of a shape, that keeps what every operation gives."""
        litert = import_litert()
        with without_banner(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it takes more memory
            interpreter = litert.Interpreter(
                model_path=self.spec.model,
                num_threads=self.spec.threads or cores(),
                experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                experimental_preserve_all_tensors=True,
            )
            interpreter.resize_tensor_input(self._source, list(shape))
            interpreter.allocate_tensors()
        return interpreter

    def opened_part(self, content: bytes) -> Any:
        """Return an interpreter of a file that has some of the model's operations. Raises ValueError, RuntimeError."""
        litert = import_litert()
        with without_banner():
            interpreter = litert.Interpreter(
                model_content=content,
                num_threads=self.spec.threads or cores(),
                experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
            interpreter.allocate_tensors()
        return interpreter

    def _infer(self, pixels: Pixels) -> Probabilities:
        def rows(part: Pixels) -> Probabilities:
            self.refuse_abandoned()
            return rows_of(self.spec, self._answer(part), len(part))

        return rows_of_each_batch(
            rows, pixels, self._batch, self.spec.outputs,
            fixed=True, runs=self._ready.qsize(), latencies=self._latencies,
        )  # fmt: skip

    def _answer(self, part: Pixels) -> NDArray[Any]:
        """Return the output for one batch of pixels, as real values. Raises ModelError if LiteRT fails."""
        interpreter = self._ready.get()
        try:
            interpreter.set_tensor(self._source, self.fed(part))
            interpreter.invoke()
            answer: NDArray[Any] = interpreter.get_tensor(self._output)
        except _ERRORS as error:
            raise ModelError(f"{self.spec.model}: LiteRT failed: {reason(error)}") from None
        finally:
            self._ready.put(interpreter)
        return self._quantization.real(answer) if self._quantization else answer

    def close(self) -> None:
        """Free the interpreters."""
        for name in ("_interpreter", "_ready"):
            self.__dict__.pop(name, None)
