"""What a PyTorch file states about itself: shapes of a program, names of TorchScript, no preprocessing."""

from __future__ import annotations

from pathlib import Path

from harness.backends.description import ModelDescription, Tensor, shape_of
from harness.backends.torch.framework import import_torch
from harness.backends.torch.opened import open_file


def describe(model: Path) -> ModelDescription:
    """Return the input and outputs of a program or TorchScript. Raises ModelError."""
    opened = open_file(import_torch(), str(model), "cpu")
    sides = None if opened.sides is None else shape_of(opened.sides)
    outputs = []
    for name in opened.outputs:
        own = opened.output_sides.get(name)
        outputs.append(Tensor(name, None if own is None else shape_of(own), "float32"))
    return ModelDescription(
        inputs=tuple(Tensor(name, sides, str(opened.dtype).removeprefix("torch.")) for name in opened.inputs),
        outputs=tuple(outputs),
        source=f"{'program' if opened.kind == 'program' else 'TorchScript'} of {model.name}",
        derivation="exported",
    )
