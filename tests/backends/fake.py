"""A backend without a framework, for tests: a deterministic numpy model that can be made to misbehave."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.backends.base import Backend, Loaded, Pixels, Probabilities
from harness.backends.registry import BackendFacts
from harness.errors import ModelError

FACTS = BackendFacts(
    name="fake",
    title="Fake",
    roles=frozenset({"reference", "candidate"}),
    suffixes=(".fake",),
    module="numpy",
    distributions=("numpy",),
    extra="fake",
    runner="tests.backends.fake:FakeBackend",
)


@dataclass
class Behaviour:
    """How the model with one id behaves; set before it is opened. Counts are of calls of ``infer``.

    A model in a process of its own takes its behaviour from its file: the fields as JSON.
    """

    fail_load: bool = False
    fail_after: int | None = None  # this many calls succeed, the next ones raise ModelError
    hang_seconds: float = 0.0  # each call sleeps that long first
    nan: bool = False
    die: bool = False  # each call kills the process
    hold: str = (
        ""  # a folder: calls after ``hold_after`` images write their process there, and wait for its file ``go``
    )
    hold_after: int = 0
    report: dict[str, Any] = dataclasses.field(default_factory=dict)  # fields of Loaded to replace
    loads: int = 0
    calls: int = 0
    images: int = 0


class FakeBackend(Backend):
    """Softmax of fixed random weights times the mean colour of an image; its file, if there is one, is a Behaviour."""

    behaviours: dict[str, Behaviour] = {}  # noqa: RUF012  (by model id; the fixture clears it)

    def load(self) -> Loaded:
        """Count the load. Raises ModelError where ``fail_load`` is set."""
        file = Path(self.spec.model)
        written = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        behaviour = self.behaviours.setdefault(self.spec.id, Behaviour(**written))
        behaviour.loads += 1
        if behaviour.fail_load:
            raise ModelError(f"{self.spec.id}: the fake model cannot be loaded")
        self._weights = np.random.default_rng(7).normal(size=(3, self.spec.outputs))
        loaded = Loaded("fake 1", self.spec.device, "fake device", "f32", self.spec.model_sha256 or "0" * 64)
        return dataclasses.replace(loaded, **behaviour.report)

    def _infer(self, pixels: Pixels) -> Probabilities:
        behaviour = self.behaviours[self.spec.id]
        behaviour.calls += 1
        behaviour.images += len(pixels)
        time.sleep(behaviour.hang_seconds)
        if behaviour.hold and behaviour.images > behaviour.hold_after:
            _held(Path(behaviour.hold))
        if behaviour.die:
            os.kill(os.getpid(), signal.SIGKILL)
        if behaviour.fail_after is not None and behaviour.calls > behaviour.fail_after:
            raise ModelError(f"{self.spec.id}: the fake model failed")
        logits = pixels.mean(axis=(1, 2)) / 64 @ self._weights
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        result = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
        return np.full_like(result, np.nan) if behaviour.nan else result


def _held(folder: Path) -> None:
    """Write whose child this process is, so that a test knows what is in the middle of work; wait to be let go."""
    (folder / f"{os.getppid()}.held").touch()
    while not (folder / "go").exists():
        time.sleep(0.01)
