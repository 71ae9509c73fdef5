"""A PyTorch model on the CPU or a CUDA device: whole batches, the types read back from a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.backends.arrays import InputShape, fed, input_shape, not_pixels, rows_of, table_of
from harness.backends.base import Backend, Loaded, Pixels, Probabilities
from harness.backends.batches import rows_of_each_batch
from harness.backends.dependence import refuse_dependence
from harness.backends.names import find_by_name
from harness.backends.torch.devices import known_devices
from harness.backends.torch.facts import FACTS
from harness.backends.torch.framework import import_torch, reason
from harness.backends.torch.opened import Opened, open_file, require_input
from harness.backends.torch.precision import types_of
from harness.errors import AbsentDeviceError, DeviceError, ModelError
from harness.feeding.contract import pixel_table
from harness.machine.environment import cores

_WHOLE = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


class TorchBackend(Backend):
    """Runs a program of `torch.export` (.pt2) or TorchScript (.pt), in the types that its tensors have.

    Colour order, mean and scale are applied by a table in numpy. No Python code and no library of custom operators is
    loaded. The number of threads belongs to the whole process, as PyTorch has it.
    """

    takes_floating = True

    def load(self) -> Loaded:
        """Load the model. Raises ModelError for a bad file or name, DeviceError for an absent device or precision."""
        if self.spec.precision not in ("f32", "device_default"):
            raise DeviceError(f"{self.spec.id}: the backend torch runs f32, not {self.spec.precision}")
        self._torch = import_torch()
        self._device, device_name = self._find_device()
        threads = self.spec.threads or cores()
        self._torch.set_num_threads(threads)
        if self.spec.precision == "f32":
            self._torch.set_float32_matmul_precision("highest")  # no TF32, no bf16 inside f32
            self._torch.backends.cudnn.allow_tf32 = False
        sha256 = self.digest(FACTS)
        opened = open_file(self._torch, self.spec.model, self._device)
        self._run, self._opened = opened.run, opened
        self._set_ports(opened)
        self._shape = self._layout_of(opened)
        self._batch = self._shape.batch or self.spec.batch or 32
        black = np.zeros((self._shape.batch or 1, *self.spec.sides, 3), self.element)
        with self._torch.inference_mode():
            effective = types_of(self._torch, lambda: self._rows(black))
            if not FACTS.has_loops(Path(self.spec.model)):
                refuse_dependence(self.spec, self._answer, self._shape.batch)
        warnings: tuple[str, ...] = ()
        if self.spec.precision not in (effective, "device_default"):
            warnings = (f"{self.spec.id}: {self.spec.precision} was requested, but the model computes in {effective}",)
        return Loaded(
            backend=f"torch {self._torch.__version__}",
            device=self.spec.device,
            device_name=device_name,
            effective_precision=effective,
            model_sha256=sha256,
            warnings=warnings,
            details={"batch": self._batch, "threads": threads, "layout": self._shape.layout, "format": opened.kind},
        )

    def _find_device(self) -> tuple[str, str]:
        """Return PyTorch's name of the device, and what it is."""
        there = known_devices(self._torch)
        if self.spec.device in there:
            return there[self.spec.device]
        raise AbsentDeviceError(
            f"{self.spec.id}: PyTorch has no device '{self.spec.device}' on this machine; it has {', '.join(there)}"
        )

    def _set_ports(self, opened: Opened) -> None:
        contract, path = self.spec.input, self.spec.model
        require_input(opened, contract.name, path)
        self._output = find_by_name(self.spec.output, opened.outputs, what="output", model=path)
        table = pixel_table(contract)
        name = str(opened.dtype).removeprefix("torch.")
        if not (opened.dtype.is_floating_point or name in _WHOLE):
            raise not_pixels(path, contract.tensor, str(opened.dtype))
        element: Any = getattr(np, name) if name in _WHOLE else np.float32  # f64, f16 and bf16 are made of float32
        self._table, self._type = table_of(self.spec, table, element, str(opened.dtype)), opened.dtype

    def _layout_of(self, opened: Opened) -> InputShape:
        """Return the layout: of the configuration, else of the shape; TorchScript has no shapes and is NCHW then."""
        if opened.sides is None:
            return InputShape(self.spec.input.layout or "NCHW", None)
        return input_shape(self.spec, opened.sides)

    @property
    def port(self) -> tuple[Opened, int]:
        """The opened file, and the position of its output."""
        return self._opened, self._output

    @property
    def batch(self) -> tuple[int, bool]:
        """How many images run at once, and whether the file insists on that."""
        return self._batch, self._shape.batch is not None

    def given(self, part: Pixels) -> Any:
        """Return the tensor that the model takes for a batch of pixels."""
        values = self._torch.from_numpy(fed(self.spec, self._table, part, self._shape.layout))
        return values.to(self._device, self._type)

    def _rows(self, part: Pixels) -> Probabilities:
        """Return float32 (len(part), outputs)."""
        return rows_of(self.spec, self._answer(part), len(part))

    def _answer(self, part: Pixels) -> NDArray[np.float32]:
        """Return the output for a part of the pixels. Raises ModelError if the model fails or gives no tensor."""
        given = self.given(part)
        try:
            answer = self._run(given)
        except Exception as error:  # noqa: BLE001  (PyTorch raises all kinds where a network cannot run)
            raise ModelError(f"{self.spec.model}: PyTorch failed: {reason(error)}") from None
        chosen = answer[self._output] if isinstance(answer, (tuple, list)) else answer
        if not isinstance(chosen, self._torch.Tensor):
            raise ModelError(f"{self.spec.model}: the output '{self.spec.output}' is not a tensor; export it with one")
        real = chosen.dequantize() if chosen.is_quantized else chosen
        if not real.is_floating_point():
            raise ModelError(
                f"{self.spec.model}: the output '{self.spec.output or 'output'}' has {real.dtype}, not real "
                "numbers; set `output` to the one with the probabilities"
            )
        return np.asarray(real.to("cpu", self._torch.float32).numpy())

    def _infer(self, pixels: Pixels) -> Probabilities:
        def rows(part: Pixels) -> Probabilities:
            self.refuse_abandoned()
            return self._rows(part)

        with self._torch.inference_mode():  # of this thread: one batch at a time
            return rows_of_each_batch(
                rows, pixels, self._batch, self.spec.outputs,
                fixed=self._shape.batch is not None, runs=1, latencies=self._latencies,
            )  # fmt: skip

    def close(self) -> None:
        """Free the model."""
        self.__dict__.pop("_run", None)
        self.__dict__.pop("_opened", None)
