"""A checkpoint's graph, frozen in memory, run as every frozen graph is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.backends.tensorflow.frozen import Frozen
from harness.backends.tensorflow.runner import TensorFlowBackend
from harness.backends.tf_checkpoint.facts import FACTS
from harness.backends.tf_checkpoint.opened import open_checkpoint


class CheckpointBackend(TensorFlowBackend):
    """Runs the graph of a checkpoint (.meta, with its .index and .data files) on the CPU."""

    facts = FACTS

    def _opened(self, tf: Any) -> Frozen:
        names = (self.spec.input.name, self.spec.output)
        return open_checkpoint(tf, Path(self.spec.model), names=names, allow=frozenset(self.spec.allow_ops))
