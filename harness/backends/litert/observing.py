"""The output of each operation of a LiteRT model: an interpreter without delegates that keeps every tensor."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.backends.base import Backend, Pixels, Probabilities
from harness.backends.batches import in_batches
from harness.backends.litert.cutting import Part, cut, part_to
from harness.backends.litert.framework import reason
from harness.backends.litert.network import network_of, real
from harness.backends.litert.runner import LiteRTBackend
from harness.backends.observing import Floats, Observer
from harness.backends.quantization import quantization_of
from harness.errors import ModelError

_ERRORS = (RuntimeError, ValueError)


def observe(backend: Backend) -> Observer:
    """Return the observer of a loaded model."""
    if not isinstance(backend, LiteRTBackend):
        raise TypeError(f"{type(backend).__name__} does not run LiteRT")
    return InterpreterObserver(backend)


class InterpreterObserver(Observer):
    """A second interpreter, with LiteRT's own kernels: a quantised model may answer a step apart from XNNPACK.

    A part of the network is run by an interpreter of its own, of a file that has the operators of that part alone.
    """

    cuts = True

    def __init__(self, backend: LiteRTBackend) -> None:
        self._backend = backend
        self._source, output = backend.ports
        path = Path(backend.spec.model)
        first = backend.fed(np.zeros((backend.batch, *backend.spec.sides, 3), backend.element))
        try:
            self._interpreter = backend.opened_plainly(first.shape)
            self._invoke(first)
            self._content = path.read_bytes()
            self.network, self._tensors = network_of(self._interpreter, self._content, self._source, output)
        except _ERRORS as error:
            raise ModelError(f"{path}: LiteRT failed while its operations were inspected: {reason(error)}") from None
        except (struct.error, IndexError):
            raise ModelError(f"{path}: not a LiteRT model, or cut off; fetch or convert it again") from None

    def _invoke(self, given: Any) -> None:
        self._interpreter.set_tensor(self._source, given)
        self._interpreter.invoke()

    def answers(self, pixels: Pixels) -> Probabilities:
        """Return the model's output, float32 (n, outputs)."""
        return self._backend.infer(pixels)

    def activations(self, pixels: Pixels, names: Sequence[str]) -> dict[str, Floats]:
        """Return the outputs of the named operations, as real values, float32 (n, ...)."""
        rows: dict[str, list[Any]] = {name: [] for name in names}
        for _, count, part in in_batches(pixels, self._backend.batch, fixed=True):
            try:
                self._invoke(self._backend.fed(part))
                for name in names:
                    rows[name].append(real(self._interpreter, self._tensors[name])[:count])
            except _ERRORS as error:
                raise ModelError(f"{self._backend.spec.model}: LiteRT failed: {reason(error)}") from None
        return {name: np.concatenate(parts) for name, parts in rows.items()}

    def parts(self, pixels: Pixels, fed: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return the output of each operation while all of them are fed instead of computed, float32 (n, ...).

        An operation whose part LiteRT cannot prepare by itself is left out.
        """
        operations = self._interpreter._get_ops_details()  # noqa: SLF001  # nothing public tells the operations
        values = {self._tensors[name]: given for name, given in fed.items()}
        found = {}
        for name in fed:
            part = part_to(self._tensors[name], operations, {self._source, *values})
            try:
                interpreter = self._backend.opened_part(cut(self._content, part))
            except (*_ERRORS, struct.error, IndexError):
                continue
            found[name] = self._of_part(interpreter, part, pixels, values)
        return found

    def _of_part(self, interpreter: Any, part: Part, pixels: Pixels, values: Mapping[int, Floats]) -> Floats:
        """Run one part over all images, as many at once as its tensors hold."""
        inputs = {each["index"]: each for each in interpreter.get_input_details()}
        size = next((int(each["shape"][0]) for each in inputs.values() if len(each["shape"])), 1)
        rows = []
        for start, count, images in in_batches(pixels, size, fixed=True):
            try:
                for index, each in inputs.items():
                    if index == self._source and index not in values:
                        interpreter.set_tensor(index, self._backend.fed(images))
                        continue
                    given = values[index][start : start + count]
                    whole = np.concatenate([given, np.repeat(given[-1:], size - count, axis=0)])
                    quantization = quantization_of(each)
                    held = quantization.stored(whole) if quantization else whole.astype(each["dtype"])
                    interpreter.set_tensor(index, np.ascontiguousarray(held.reshape(each["shape"])))
                interpreter.invoke()
                rows.append(real(interpreter, part.output)[:count])
            except _ERRORS as error:
                raise ModelError(f"{self._backend.spec.model}: LiteRT failed: {reason(error)}") from None
        return np.concatenate(rows)

    def close(self) -> None:
        """Release the interpreter."""
        self.__dict__.pop("_interpreter", None)
