"""What a Keras file states: the shapes of its first and last layer, and layers that normalise the pixels."""

from __future__ import annotations

from pathlib import Path

from harness.backends.description import ModelDescription, Stated
from harness.backends.keras.keras2 import layers
from harness.backends.keras.opened import ports
from harness.backends.keras.untrusted import described
from harness.backends.tensorflow.ports import tensors

_NORMALISING = ("Rescaling", "Normalization")


def describe(model: Path) -> ModelDescription:
    """Return the input and outputs of a model. Raises ModelError.

    A model with a Rescaling or Normalization layer takes plain pixels.
    """
    inside = [
        f"{name} layer '{own.get('name', '')}'" for name, own in layers(described(model).config) if name in _NORMALISING
    ]
    found = ports(model)
    where = f"{inside[0]} of {model.name}, so plain pixels" if inside else ""
    return ModelDescription(
        inputs=tensors(found.inputs),
        outputs=tensors(found.outputs),
        source=f"layers of {model.name}",
        derivation="trained",
        mean=Stated((0.0, 0.0, 0.0), where) if inside else None,
        scale=Stated((1.0, 1.0, 1.0), where) if inside else None,
    )
