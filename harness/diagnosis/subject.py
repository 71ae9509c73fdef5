"""One model that is opened once and then takes any values: they enter its file without preprocessing."""

from __future__ import annotations

import contextlib
import dataclasses
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harness.backends.base import Backend, CannotEditError, Loaded, ModelSpec
from harness.backends.opening import open_backend
from harness.backends.registry import facts_of, load_target
from harness.disk.leftovers import temporary_folder
from harness.errors import ModelError
from harness.feeding.contract import DECODED

Values = NDArray[np.float32]
_FLOAT_INPUT = "float_input"


class CannotFeedError(ModelError):
    """These values cannot enter this model's file."""


class Subject:
    """A model, loaded, that is fed values (n, height, width, 3) as its file takes them, not pixels.

    Where its input holds whole numbers only, the file's input is made a floating one in a copy, if its backend can do
    that; otherwise only whole values can be tried. Use as a context manager.
    """

    def __init__(self, backend: str, spec: ModelSpec) -> None:
        plain = spec.input.model_copy(update={"color": DECODED, "mean": 0.0, "scale": 1.0, "element_type": None})
        self.spec = dataclasses.replace(spec, input=plain, floating=True, cache_dir=None)
        self._backend_name = backend
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._backend = self._opened()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def loaded(self) -> Loaded:
        """What the model reports about itself."""
        return self._backend.loaded

    def _opened(self) -> Backend:
        try:
            return self._stack.enter_context(open_backend(self._backend_name, self.spec))
        except ModelError:
            whole = dataclasses.replace(self.spec, floating=False)
            backend = self._stack.enter_context(open_backend(self._backend_name, whole))  # else that is what is wrong
            edited = self._with_floating_input()
            if edited is None:
                return backend
            return self._stack.enter_context(open_backend(self._backend_name, edited))

    def _with_floating_input(self) -> ModelSpec | None:
        editor = facts_of(self._backend_name).editor
        if editor is None:
            return None
        folder = self._stack.enter_context(temporary_folder("diagnose"))
        with contextlib.suppress(CannotEditError):
            model, output = load_target(editor)(self.spec.model, self.spec.output or "", _FLOAT_INPUT, folder)
            return dataclasses.replace(self.spec, model=model, output=output or None, model_sha256=None)
        return None

    def answer(self, values: Values) -> NDArray[np.float32]:
        """Return the output, float32 (n, outputs). Raises CannotFeedError if the file cannot take such values."""
        if self._backend.spec.floating:
            return self._backend.infer(values)
        whole: NDArray[Any] = np.rint(values)
        if not (np.array_equal(whole, values) and values.min(initial=0) >= 0 and values.max(initial=0) <= 255):
            raise CannotFeedError(f"{self.spec.id}: its input takes whole numbers from 0 to 255 only")
        return self._backend.infer(whole.astype(np.uint8))
