"""What the graph of a checkpoint states about itself: its placeholders and ends. It states no preprocessing."""

from __future__ import annotations

from pathlib import Path

from harness.backends.description import ModelDescription
from harness.backends.tensorflow.ports import tensors
from harness.backends.tf_checkpoint.opened import ports


def describe(model: Path) -> ModelDescription:
    """Return the placeholders of the graph and the nodes that no other reads. Raises ModelError."""
    found = ports(model)
    return ModelDescription(
        inputs=tensors(found.inputs),
        outputs=tensors(found.outputs),
        source=f"nodes of {model.name}",
        derivation="trained",
    )
