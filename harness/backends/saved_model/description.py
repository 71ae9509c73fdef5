"""What a SavedModel states: the inputs and outputs of the signature that serves. It states no preprocessing."""

from __future__ import annotations

from pathlib import Path

from harness.backends.description import ModelDescription
from harness.backends.saved_model.opened import ports
from harness.backends.tensorflow.ports import tensors


def describe(folder: Path) -> ModelDescription:
    """Return the input and outputs of the serving signature. Raises ModelError."""
    found = ports(folder)
    return ModelDescription(
        inputs=tensors(found.inputs),
        outputs=tensors(found.outputs),
        source=f"signature of {folder.name}",
        derivation="trained",
    )
