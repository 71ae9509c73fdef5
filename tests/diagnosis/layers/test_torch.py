"""A PyTorch model as the original: its layers held against TorchScript's, and against those of an IR."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import ModelSpec
from harness.config import Input
from harness.diagnosis.layers.finding import LayerFinding
from harness.diagnosis.layers.search import Side, find_layer

torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is the extra [torch]")
SIZE, CLASSES = 16, 5
CONTRACT = Input(name="x", color="RGB", mean=(120.0, 110.0, 100.0), scale=(60.0, 50.0, 40.0))
PIXELS = np.random.default_rng(3).integers(0, 256, (3, SIZE, SIZE, 3)).astype(np.uint8)


class Block(torch.nn.Module):  # type: ignore[misc, name-defined]
    """What real networks have: batch norms, ReLU6 in place, a depthwise convolution, a skip in place, a dense layer."""

    def __init__(self) -> None:
        super().__init__()
        nn = torch.nn
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(inplace=True))
        self.deep = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.BatchNorm2d(8), nn.ReLU6(inplace=True))
        self.project = nn.Sequential(nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8))
        self.dense = nn.Linear(8, CLASSES)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        y = self.project(self.deep(x))
        y += x
        return torch.softmax(self.dense(y.mean((2, 3))), 1)


def network(change: Callable[[Any], None] | None = None) -> Any:
    torch.manual_seed(5)
    made = Block().eval()
    for norm in (made.stem[1], made.deep[1], made.project[1]):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
        torch.nn.init.uniform_(norm.weight, 0.5, 2)
    if change:
        with torch.no_grad():
            change(made)
    return made


def program(path: Path, module: Any) -> Path:
    example, free = torch.zeros(2, 3, SIZE, SIZE), {"x": {0: torch.export.Dim("n")}}
    torch.export.save(torch.export.export(module, (example,), dynamic_shapes=free), path)
    return path


def script(path: Path, module: Any, *, frozen: bool = False) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(module, torch.zeros(2, 3, SIZE, SIZE))
        torch.jit.save(torch.jit.freeze(traced) if frozen else traced, path)
    return path


def side(path: Path, backend: str = "torch") -> Side:
    spec = ModelSpec(backend, str(path), CONTRACT, None, SIZE, CLASSES, batch=2)
    return Side(backend, spec, PIXELS)


def moved(module: Any) -> None:
    weight = module.deep[0].weight
    weight += 0.03 * weight.std() * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))


def without_bias(module: Any) -> None:
    module.dense.bias.zero_()


def clipped(module: Any) -> None:
    module.stem[2] = torch.nn.Hardtanh(0.0, 2.0)


def compared(one: Side, other: Side) -> LayerFinding:
    return find_layer(one, other)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Side:
    return side(program(tmp_path_factory.mktemp("torch") / "original.pt2", network()))


@pytest.mark.parametrize("frozen", [False, True])
def test_torchscript_of_the_same_network_is_clean(original: Side, tmp_path: Path, frozen: bool) -> None:
    found = compared(original, side(script(tmp_path / "same.pt", network(), frozen=frozen)))
    assert (found.verdict, found.cause) == ("clean", None), found.sentence
    assert found.evidence["layers_compared"] == 4


@pytest.mark.parametrize(
    ("change", "cause", "layer"),
    [
        (moved, "weights-changed", "deep.0"),
        (without_bias, "bias-lost", "dense"),
        (clipped, "clip-changed", "stem.0"),
    ],
)
@pytest.mark.parametrize("form", ["program", "script"])
def test_a_changed_layer_is_named(
    original: Side, tmp_path: Path, form: str, change: Callable[[Any], None], cause: str, layer: str
) -> None:
    path = tmp_path / "changed.pt"
    made = program(path.with_suffix(".pt2"), network(change)) if form == "program" else script(path, network(change))
    found = compared(original, side(made))
    assert (found.verdict, found.cause, found.reference) == ("found", cause, layer), found.sentence


def test_an_ir_is_held_against_the_program_that_it_was_made_of(original: Side, openvino: Any, tmp_path: Path) -> None:
    """OpenVINO's own converter folds the batch norms; a weight that is changed before is still named."""
    for change, verdict in ((None, "clean"), (moved, "found")):
        path = tmp_path / f"{verdict}.xml"
        loaded = torch.export.load(program(tmp_path / f"{verdict}.pt2", network(change)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = openvino.convert_model(loaded)
        model.inputs[0].get_tensor().set_names({"x"})
        openvino.save_model(model, str(path), compress_to_fp16=False)
        found = compared(original, side(path, "openvino"))
        assert found.verdict == verdict, found.sentence
        assert found.reference == (None if change is None else "deep.0")
