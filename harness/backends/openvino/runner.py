"""A model through OpenVINO's asynchronous queue; results joined by index, precision read back from what compiled."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from harness.backends.arrays import require_width, rows_of
from harness.backends.base import Backend, Loaded, Pixels, Probabilities, size_key
from harness.backends.batches import in_batches
from harness.backends.dependence import EXPORT, refuse_dependence
from harness.backends.layouts import layout_of
from harness.backends.names import find_by_name, unfed, with_aliases
from harness.backends.openvino.blobs import checked
from harness.backends.openvino.devices import not_found
from harness.backends.openvino.facts import FACTS
from harness.backends.openvino.framework import import_openvino, reason, undeclared
from harness.backends.openvino.operations import refuse_operations
from harness.backends.openvino.ports import input_names, output_names, real_answers, require_alone, require_pixels
from harness.backends.openvino.properties import PRECISION, require_known
from harness.backends.openvino.quantized import input_quantization, real, stored
from harness.backends.openvino.refusal import refusal
from harness.backends.openvino.report import Request, after_a_change, execution_devices, may_wait, report
from harness.disk.parsing import parsing
from harness.errors import AbsentDeviceError, DeviceError, ModelError, nearest
from harness.feeding.contract import is_identity, is_reversed, pixel_table

_HINTS = {"f32": "f32", "f16": "f16", "bf16": "bf16"}
_CAPABILITIES = {"f32": "FP32", "f16": "FP16", "bf16": "BF16"}
_KNOWN = ("GPU", "NPU")  # rightly written, whether they are there or not
_REQUESTS = "PERFORMANCE_HINT_NUM_REQUESTS"
_CHANGING = ("AUTO", "MULTI")  # these may move a model to another device while it runs


class OpenVINOBackend(Backend):
    """Runs an IR (.xml with its .bin), an ONNX or LiteRT file, or a SavedModel, on a device at a pinned precision.

    Pixels enter as uint8 NHWC BGR. What else the model needs (f32, NCHW, RGB, mean and scale) is put in front of it
    inside OpenVINO, the normalisation as a table that is exact in every bit.
    """

    takes_floating = True

    def load(self) -> Loaded:
        """Read and compile the model. Raises ModelError for a bad file or name, DeviceError for device or precision."""
        ov = import_openvino()
        self._notes: list[str] = []
        self._misshapen: ModelError | None = None  # an exception in a callback would end the process
        core = ov.Core()
        self._require_device(core)
        require_known(core, self.spec)
        FACTS.require_harmless(Path(self.spec.model))
        sha256 = self.digest(FACTS)
        model, source, shape = self.read(core)
        with parsing(self.spec.model, ModelError, EXPORT, what="OpenVINO cannot feed this model", say=reason):
            wrapped = self.with_pixels(ov, model, source)
        self._compiled = self.compile(core, wrapped)  # no local name: an error would keep it longer than the queue
        if not FACTS.has_loops(Path(self.spec.model)):
            refuse_dependence(self.spec, partial(self._answer, self._compiled.create_infer_request()), self._batch)
        waits = _REQUESTS not in self.spec.properties and may_wait(self._compiled, self.spec.device, self._batch)
        self._at_once = self._recommended() if waits else 0  # 0: as many as are in the queue
        self._queue = ov.AsyncInferQueue(self._compiled, 2 * self._at_once)
        self._queue.set_callback(self._keep)
        request = Request(self._batch, len(self._queue), str(shape), shape.is_dynamic)
        self._report = partial(report, ov, core, self._compiled, self.spec, sha256, request)
        self._devices: Callable[[], list[str]] = partial(execution_devices, self._compiled, self.spec.device)
        found = self._report()
        notes = (f"{self.spec.id}: {note}" for note in self._notes)
        return dataclasses.replace(found, warnings=(*found.warnings, *notes))

    def read(self, core: Any) -> tuple[Any, Any, Any]:
        """Return the model (ov.Model) with a fixed batch, its input, and the shape that the input had before.

        The file must have been found harmless before. Raises ModelError for a bad file or name.
        """
        xml = Path(self.spec.model)
        core.set_property({"ENABLE_MMAP": False})  # else the weights are those that the file has when they are used
        try:
            model = core.read_model(str(xml))
        except RuntimeError as error:
            if name := undeclared(error):
                raise ModelError(f"{xml}: {unfed([name], EXPORT)}") from None
            raise ModelError(f"{xml}: {refusal(xml, error)}") from None
        refuse_operations(model, xml)
        aliases = FACTS.aliases_of(xml)
        sources, outputs = (with_aliases(found, aliases) for found in (input_names(model), output_names(model)))
        if not model.inputs:
            raise ModelError(
                f"{xml}: has no input for OpenVINO, which uses the default value of the image input; {EXPORT}, "
                "with an input without a default"
            )
        source = find_by_name(self.spec.input.name, sources, what="input", model=str(xml))
        require_alone(xml, model, source)
        output = find_by_name(self.spec.output, outputs, what="output", model=str(xml))
        self._index = model.outputs.index(output)
        shape = source.get_partial_shape()
        self._batch = self._set_batch(model, source)
        self._check_width(output)
        return model, source, shape

    def _require_device(self, core: Any) -> None:
        """Refuse a missing device, and a precision that it does not list."""
        base, _, below = self.spec.device.partition(":")
        virtual = base in ("AUTO", "HETERO", "BATCH", "MULTI")
        parts = [part for part in below.split(",") if not part.startswith("-")]  # `AUTO:-GPU` leaves the GPU out
        for part in parts if virtual else [self.spec.device]:
            name = part.partition("(")[0] if virtual else part
            lists = self._capabilities(core, name) if name else []
            needed = _CAPABILITIES.get(self.spec.precision)
            if name and needed and needed not in lists:
                raise AbsentDeviceError(
                    f"{self.spec.id}: {name} lacks {self.spec.precision}; it has {', '.join(sorted(lists))}; "
                    "choose one of these"
                )

    def _capabilities(self, core: Any, name: str) -> list[str]:
        """Return the properties of an existing device.

        Only its own plug-in is loaded, because others may crash; if the device is missing, all are, to list what
        exists. A plug-in reports properties even without any device.
        """
        base, _, number = name.partition(".")
        why: Exception | None = None
        try:
            there = [str(each) for each in core.get_property(base, "AVAILABLE_DEVICES")]
        except RuntimeError as error:
            there, why = [], error
        if not there or (number and number not in there):
            asked = "" if name == self.spec.device else f" (in '{self.spec.device}')"
            if base in _KNOWN and (why or not number):
                raise AbsentDeviceError(f"{self.spec.id}: {not_found(name, why)}{asked}")
            available = list(core.available_devices)
            close = nearest(name.upper(), available)
            near = f"; did you mean {close[0]}?" if close else "."
            raise AbsentDeviceError(
                f"{self.spec.id}: device '{name}' not found{asked}{near} OpenVINO has: "
                f"{', '.join(available)} (and AUTO, HETERO:..., BATCH:... over them)"
            )
        try:
            return list(core.get_property(name, "OPTIMIZATION_CAPABILITIES"))
        except RuntimeError as error:
            raise DeviceError(f"{self.spec.id}: the device {name} does not respond: {reason(error)}") from None

    def _set_batch(self, model: Any, source: Any) -> int:
        """Return the batch size; a free one is fixed to what is configured (1 otherwise)."""
        shape = source.get_partial_shape()
        height, width = self.spec.sides
        sides = [-1 if side.is_dynamic else side.get_length() for side in shape] if shape.rank.is_static else []
        if not sides:  # no rank is stated
            sides = [-1, -1, -1, -1]
        wanted = self.spec.input.layout
        self._layout = wanted or layout_of(sides) or "NHWC"
        expected = (height, width, 3) if self._layout == "NHWC" else (3, height, width)
        if len(sides) != 4 or any(have not in (-1, want) for have, want in zip(sides[1:], expected, strict=True)):
            raise ModelError(
                f"{self.spec.model}: the input '{self.spec.input.tensor}' has the shape {shape}, "
                f"but [1,{height},{width},3] or [1,3,{height},{width}] is configured ({size_key(height, width)}"
                f"{f', input.layout: {wanted}' if wanted else ''})"
            )
        other = sides[0] > 0 and self.spec.batch not in (None, sides[0])
        if other and not self.spec.rebatch:
            raise ModelError(
                f"{self.spec.model}: its batch size is fixed to {sides[0]}, but `batch: {self.spec.batch}` is "
                "configured"
            )
        if -1 not in sides and not other:
            return int(sides[0])
        batch = sides[0] if sides[0] > 0 and not other else self.spec.batch or 1
        try:
            model.reshape({source: [batch, *expected]})
        except RuntimeError as error:
            raise ModelError(f"{self.spec.model}: cannot be fixed to batch {batch}: {reason(error)}") from None
        return int(batch)

    def _check_width(self, output: Any) -> None:
        shape = output.get_partial_shape()
        if shape.is_static:
            require_width(self.spec, [int(side) for side in output.get_shape()], self._batch)

    def with_pixels(self, ov: Any, model: Any, source: Any) -> Any:
        """Return the model with uint8 NHWC BGR, or float32, in front of its own input."""
        from openvino import opset13
        from openvino.preprocess import PrePostProcessor

        processor = PrePostProcessor(model)
        port = processor.input(model.inputs.index(source))
        port.tensor().set_element_type(ov.Type.f32 if self.spec.floating else ov.Type.u8).set_layout(ov.Layout("NHWC"))
        port.model().set_layout(ov.Layout(self._layout))
        contract = self.spec.input
        element = source.get_element_type()
        quantization = input_quantization(source)
        if quantization is None:
            require_pixels(self.spec, element)
        narrow = contract.element_type if contract.element_type in ("f16", "bf16") else None

        def normalise(pixels: Any) -> Any:
            def reordered(values: Any, axis: int) -> Any:
                if not is_reversed(contract):
                    return values
                return opset13.gather(values, np.array([2, 1, 0], np.int32), np.int32(axis))

            if is_identity(contract) and quantization is None and not narrow:
                return opset13.convert(reordered(pixels, 3), element.to_string()).output(0)
            if self.spec.floating:
                mean, scale = np.array((contract.mean_per_channel, contract.scale_per_channel), np.float32)
                values = opset13.divide(opset13.subtract(reordered(pixels, 3), mean), scale)
                if narrow:
                    values = opset13.convert(opset13.convert(values, narrow), "f32")
                values = opset13.convert(values, element.to_string()) if quantization is None else values
                return (values if quantization is None else stored(values, quantization)).output(0)
            # By planes: whole planes are put in order and looked up faster than the three values of each pixel.
            planes = reordered(opset13.transpose(pixels, np.array([0, 3, 1, 2], np.int32)), 1)
            index, values = opset13.convert(planes, "i32"), pixel_table(contract)
            if (values == values[0]).all():
                values = values[0]
            else:
                index = opset13.add(index, np.array([0, 256, 512], np.int32).reshape(1, 3, 1, 1))
                values = values.reshape(-1)
            table = opset13.constant(values if quantization is None else quantization.stored(values))
            looked_up = opset13.gather(table, index, np.int32(0))
            looked_up = opset13.transpose(looked_up, np.array([0, 2, 3, 1], np.int32))
            return (opset13.convert(looked_up, element.to_string()) if quantization is None else looked_up).output(0)

        if is_reversed(contract) or not is_identity(contract) or quantization is not None or narrow:
            port.preprocess().custom(normalise)
        if answers := real_answers(model.outputs[self._index], self.spec.model, self.spec.output):
            tensor = processor.output(self._index)
            tensor.postprocess().custom(lambda port: real(port, answers).output(0))
            tensor.tensor().set_element_type(ov.Type.f32)
        return processor.build()

    def compile(self, core: Any, model: Any) -> Any:
        """Compile a model for the specification's device and precision. Raises DeviceError."""
        properties: dict[str, Any] = {}
        if self.spec.hints == "pinned":
            properties["PERFORMANCE_HINT"] = "THROUGHPUT"
            if self.spec.threads and self.spec.device == "CPU":
                properties["INFERENCE_NUM_THREADS"] = self.spec.threads
        if self.spec.precision in _HINTS:
            properties[PRECISION] = _HINTS[self.spec.precision]
        properties |= self.spec.properties
        try:
            with checked(Path(self.spec.cache_dir) if self.spec.cache_dir else None, self._notes.append) as folder:
                if folder:
                    properties["CACHE_DIR"] = folder
                return core.compile_model(model, self.spec.device, properties)
        except RuntimeError as error:
            raise DeviceError(
                f"{self.spec.id}: {self.spec.device} cannot compile {self.spec.model} at {self.spec.precision}: "
                f"{reason(error)}"
            ) from None

    def _answer(self, request: Any, part: Pixels) -> Any:
        """Return the output for one batch of pixels. Raises ModelError if the device fails."""
        try:
            request.infer({0: part})
        except RuntimeError as error:
            raise ModelError(f"{self.spec.id}: {self.spec.device} failed during the run: {reason(error)}") from None
        return np.array(request.get_output_tensor(self._index).data)

    def _keep(self, request: Any, row: int) -> None:
        end = time.perf_counter()
        try:
            answer = rows_of(self.spec, request.get_output_tensor(self._index).data, self._batch)
        except ModelError as error:
            self._misshapen = error
            return
        rows = self._result[row : row + self._batch]
        rows[...] = answer[: len(rows)]
        self._latencies.append(without_wait(float(request.latency), end, self._free_since(row // self._batch)))
        self._ends.append(time.perf_counter())

    def _recommended(self) -> int:
        try:
            return int(self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        except RuntimeError:
            return 0

    def _free_since(self, number: int) -> float | None:
        """Return when the device was free for the request with this number; None if it did not wait."""
        ends, before = self._ends, number - self._at_once
        return ends[before] if self._at_once and 0 <= before < len(ends) else None

    def _infer(self, pixels: Pixels) -> Probabilities:
        self._result = np.empty((len(pixels), self.spec.outputs), np.float32)
        self._misshapen = None
        self._ends: list[float] = []
        pixels = np.ascontiguousarray(pixels)
        try:
            try:
                for start, _, part in in_batches(pixels, self._batch, fixed=True):
                    if self._abandoned:
                        break
                    self._queue.start_async({0: part}, start, share_inputs=True)
            finally:
                self._queue.wait_all()  # in any case: the requests read these pixels
            self.refuse_abandoned()
        except RuntimeError as error:
            raise ModelError(f"{self.spec.id}: {self.spec.device} failed during the run: {reason(error)}") from None
        if self._misshapen:
            raise self._misshapen
        if self.spec.device.partition(":")[0] in _CHANGING:
            self._notice_another_device()
        return self._result

    def _notice_another_device(self) -> None:
        if not set(self._devices()) <= set(self.loaded.details["execution_devices"]):
            self.loaded = after_a_change(self.loaded, self._report(), self.spec.id)

    @property
    def port(self) -> tuple[int, int]:
        """Which of the model's outputs is the configured one, and the number of images that go in at once."""
        return self._index, self._batch

    def close(self) -> None:
        """Release the compiled model, then the queue: only in this order do its threads end without a deadlock."""
        for name in ("_report", "_devices", "_compiled", "_queue"):
            self.__dict__.pop(name, None)


def without_wait(whole: float, end: float, free: float | None) -> float:
    """Return the milliseconds that a request took, of ``whole`` with its wait for the device.

    ``end``: when it ended, in seconds; ``free``: when the device was free for it, None if it did not wait. A device
    that computes n requests at a time takes them in their order: it is free for one when the n-th before it has ended.
    """
    return whole if free is None else min(whole, 1000 * (end - free))
