from __future__ import annotations

from pathlib import Path

import pytest

from harness.backends.registry import recognise
from tests.backends.torch import test_runner
from tests.conftest import CLASSES, SIZE

torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is the extra [torch]")
files = test_runner.files


@pytest.mark.parametrize(
    ("name", "shape", "output", "width"),
    [
        ("free", (None, 3, SIZE, SIZE), "softmax", CLASSES + 1),
        ("fixed", (2, SIZE, SIZE, 3), "softmax", CLASSES + 1),
        ("scripted", None, "output", None),
    ],
)
def test_what_a_file_says(
    files: dict[str, Path], name: str, shape: tuple[int | None, ...] | None, output: str, width: int | None
) -> None:
    facts = recognise(files[name])
    assert facts is not None
    found = facts.describe(files[name])
    (source,), (answer,) = found.inputs, found.outputs
    assert (source.name, source.shape, source.dtype) == ("x", shape, "float32")
    assert (answer.name, answer.width) == (output, width)
