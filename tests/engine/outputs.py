"""A fake model whose file says what its output is: shape, logits or probabilities, with or without background."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from harness.backends.arrays import rows_of
from harness.backends.base import Backend, Loaded, Pixels, Probabilities
from harness.backends.registry import register
from tests.backends.fake import FACTS
from tests.engine.conftest import OUTPUTS, probabilities_of

SHAPES: dict[str, Any] = {
    "NC": lambda rows: rows,
    "NC11": lambda rows: rows[:, :, None, None],
    "N1C": lambda rows: rows[:, None],
    "11NC": lambda rows: rows[None, None],
    "CN": lambda rows: rows.T,
}


class Shaped(Backend):
    """Reads its file, JSON: ``shape``, ``logits``, ``background``, ``shift`` of the classes, ``power``, ``until``.

    ``until``: images of larger values are answered with probabilities whatever ``logits`` says.
    """

    loads = 0

    def load(self) -> Loaded:
        Shaped.loads += 1
        self._is = json.loads(Path(self.spec.model).read_text(encoding="utf-8"))
        return Loaded("shaped 1", "CPU", "a CPU", "f32", self.spec.model_sha256 or "0" * 64, {"batch": 3})

    def _infer(self, pixels: Pixels) -> Probabilities:
        rows = probabilities_of(pixels, self._is.get("power", 1.0)).astype(np.float64)
        rows = np.roll(rows, self._is.get("shift", 0), axis=1)
        if not self._is.get("background", True):
            rows = rows[:, 1:] / rows[:, 1:].sum(axis=1, keepdims=True)
        if self._is.get("logits"):
            late = pixels[:, 0, 0, 0] > self._is.get("until", 255)
            rows = np.where(late[:, None], rows, np.log(rows) + 3)
        found = []
        for start in range(0, len(rows), 3):
            part = rows[start : start + 3]
            found.append(rows_of(self.spec, SHAPES[self._is.get("shape", "NC")](part), len(part)))
        return np.concatenate(found)


def register_shaped() -> None:
    """Put ``Shaped`` in the place of the fake backend; the fixture ``fakes`` takes it back."""
    register(dataclasses.replace(FACTS, runner="tests.engine.outputs:Shaped"))


assert OUTPUTS == 5
