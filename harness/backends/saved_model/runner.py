"""A SavedModel's signature, frozen in memory, run as every frozen graph is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.backends.saved_model.facts import FACTS
from harness.backends.saved_model.opened import open_saved_model
from harness.backends.tensorflow.frozen import Frozen
from harness.backends.tensorflow.runner import TensorFlowBackend


class SavedModelBackend(TensorFlowBackend):
    """Runs one signature of a SavedModel folder on the CPU; names are those of the signature."""

    facts = FACTS

    def _opened(self, tf: Any) -> Frozen:
        return open_saved_model(
            tf,
            Path(self.spec.model),
            names=(self.spec.input.name, self.spec.output),
            signature=self.spec.signature,
            allow=frozenset(self.spec.allow_ops),
        )
