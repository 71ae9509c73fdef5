"""A Keras model, frozen in memory, run as every frozen graph is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.backends.keras.facts import FACTS
from harness.backends.keras.framework import import_keras
from harness.backends.keras.opened import open_keras
from harness.backends.tensorflow.frozen import Frozen
from harness.backends.tensorflow.runner import TensorFlowBackend


class KerasBackend(TensorFlowBackend):
    """Runs a Keras model (.keras, .h5) on the CPU by TensorFlow; names are those of its first and last layer."""

    facts = FACTS

    def _framework(self, tf: Any) -> str:
        return f"keras {import_keras().__version__}, tensorflow {tf.__version__}"

    def _imported(self) -> Any:
        import_keras()  # says what to install for this backend
        return super()._imported()

    def _opened(self, _tf: Any) -> Frozen:
        names = (self.spec.input.name, self.spec.output)
        return open_keras(Path(self.spec.model), names=names, allow=frozenset(self.spec.allow_ops))
