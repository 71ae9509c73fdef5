"""Programs and scripts whose answers depend on chance or on the batch, and those that only look so."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.backends.base import ModelSpec
from harness.backends.torch.facts import FACTS
from harness.backends.torch.runner import TorchBackend
from harness.backends.torch.untrusted import kind_of
from harness.config import Input
from harness.errors import ModelError
from tests.backends.one_backend import OneBackend
from tests.conftest import CLASSES, SIZE

torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is the extra [torch]")
CONTRACT = Input(name="x", color="RGB", mean=0, scale=1)
ALONE = OneBackend(TorchBackend, ModelSpec("pt", "", CONTRACT, None, SIZE, CLASSES + 1, batch=2))
Form = Callable[[Any, Path], Path]


class Network(torch.nn.Module):  # type: ignore[misc, name-defined]
    """``inside``: layers before the classifier."""

    def __init__(self, inside: Any) -> None:
        super().__init__()
        self.inside = inside
        self.classify = torch.nn.Conv2d(3, CLASSES + 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[name-defined]
        return torch.softmax(self.classify(self.inside(x)).mean((2, 3)), 1)


class Noise(torch.nn.Module):  # type: ignore[misc, name-defined]
    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[name-defined]
        return x + torch.randn_like(x)


class NoiseInTraining(torch.nn.Module):  # type: ignore[misc, name-defined]
    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[name-defined]
        if self.training:
            x = x + torch.randn_like(x)
        return x


class Moments(torch.nn.Module):  # type: ignore[misc, name-defined]
    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[name-defined]
        return x / 100 - x.mean((0, 2, 3), keepdim=True) / 100


class Mask(torch.nn.Module):  # type: ignore[misc, name-defined]
    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[name-defined]
        return x.to(torch.float32)


def program(network: Any, path: Path, example: Any = None) -> Path:
    given = torch.zeros(2, 3, SIZE, SIZE) if example is None else example
    exported = torch.export.export(network, (given,), dynamic_shapes={"x": {0: torch.export.Dim("n")}})
    torch.export.save(exported, path.with_suffix(".pt2"))
    return path.with_suffix(".pt2")


def decomposed(network: Any, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PyTorch's own
        exported = torch.export.export(network, (torch.zeros(2, 3, SIZE, SIZE),)).run_decompositions()
    torch.export.save(exported, path.with_suffix(".pt2"))
    return path.with_suffix(".pt2")


def traced(network: Any, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(network, torch.zeros(2, 3, SIZE, SIZE), check_trace=False), path)
    return path


def scripted(network: Any, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(network), path)
    return path


def DROPOUT() -> Any:  # noqa: N802
    return torch.nn.Dropout(0.5)


def NORM() -> Any:  # noqa: N802
    return torch.nn.BatchNorm2d(3)


@pytest.mark.parametrize("form", [program, decomposed, traced])
@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (DROPOUT, "dropout) gives different numbers at every call"),
        (NORM, "takes mean and variance from the images of each batch"),
        (Noise, "(aten::randn_like) gives different numbers at every call"),
    ],
)
def test_training_that_is_written_into_the_calls_is_refused(form: Form, layer: Any, words: str, tmp_path: Path) -> None:
    text = ALONE.refused(ALONE.spec(form(Network(layer()).train(), tmp_path / "m.pt")))
    assert "in training mode: '" in text
    assert words in text


@pytest.mark.parametrize("layer", [DROPOUT, NORM, NoiseInTraining])
def test_a_script_that_asks_for_its_mode_is_run_in_inference(layer: Any, tmp_path: Path) -> None:
    with TorchBackend(ALONE.spec(scripted(Network(layer()).train(), tmp_path / "m.pt"))) as backend:
        assert backend.loaded.details["format"] == "script"


def test_noise_in_a_script_is_refused(tmp_path: Path) -> None:
    text = ALONE.refused(ALONE.spec(scripted(Network(Noise()).eval(), tmp_path / "m.pt")))
    assert "(aten::randn_like) gives different numbers" in text


@pytest.mark.parametrize("form", [program, traced])
@pytest.mark.parametrize("layer", [DROPOUT, NORM, NoiseInTraining, torch.nn.InstanceNorm2d, torch.nn.Identity])
def test_inference_is_fine(form: Form, layer: Any, tmp_path: Path) -> None:
    made = layer(3) if layer is torch.nn.InstanceNorm2d else layer()
    with TorchBackend(ALONE.spec(form(Network(made).eval(), tmp_path / "m.pt"))):
        pass


@pytest.mark.parametrize("form", [program, traced])
def test_moments_of_the_batch_are_noticed_by_numbers(form: Form, tmp_path: Path) -> None:
    text = ALONE.refused(ALONE.spec(form(Network(Moments()).eval(), tmp_path / "m.pt")))
    assert "in training mode: its prediction for an image changes by" in text


def test_truth_values_are_no_pixels(tmp_path: Path) -> None:
    model = program(Network(Mask()).eval(), tmp_path / "m.pt", torch.zeros(2, 3, SIZE, SIZE, dtype=torch.bool))
    assert ("the input 'x' takes torch.bool, not numbers; export the model with an input for pixels") in ALONE.refused(
        ALONE.spec(model)
    )


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "int32", "int64"])
def test_whole_pixels(kind: str, tmp_path: Path) -> None:
    import numpy as np

    network = Network(Mask()).eval()
    element = getattr(torch, kind)
    model = program(network, tmp_path / "m.pt", torch.zeros(2, 3, SIZE, SIZE, dtype=element))
    pixels = np.random.default_rng(0).integers(0, 128 if kind == "int8" else 256, (3, SIZE, SIZE, 3)).astype(np.uint8)
    given = torch.from_numpy(np.ascontiguousarray(pixels[..., ::-1].transpose(0, 3, 1, 2))).to(torch.float32)
    if kind == "int8":
        assert "takes torch.int8, which cannot hold pixels" in ALONE.refused(ALONE.spec(model))
        return
    found = ALONE.infer(pixels, ALONE.spec(model))
    np.testing.assert_allclose(found, network(given).detach().numpy(), atol=1e-5)


def test_a_loop_is_known_whatever_the_file_is_called(tmp_path: Path) -> None:
    class Loop(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[name-defined]
            while bool((x < 0).any()):
                x = x * 1
            return x

    model = scripted(Network(Loop()).eval(), tmp_path / "m.pt")
    assert FACTS.has_loops(model)
    assert FACTS.has_loops(model.rename(tmp_path / "m.pt2"))
    assert not FACTS.has_loops(traced(Network(torch.nn.Identity()).eval(), tmp_path / "n.pt"))


def test_the_module_may_have_any_name_in_its_own_code(pixels: Any, tmp_path: Path) -> None:
    before = scripted(Network(torch.nn.Identity()).eval(), tmp_path / "m.pt")
    after = tmp_path / "n.pt"
    with zipfile.ZipFile(before) as old, zipfile.ZipFile(after, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            new.writestr(entry, data.replace(b"self", b"this") if entry.filename.endswith(".py") else data)
    expected, found = (ALONE.infer(pixels, ALONE.spec(model)) for model in (before, after))
    assert (found == expected).all()


@pytest.mark.parametrize("form", [program, traced])
def test_convert_refuses_what_validate_refuses(form: Form, tmp_path: Path) -> None:
    from harness.backends.torch.exporting import exported
    from harness.config import Reference

    model = form(Network(DROPOUT()).train(), tmp_path / "m.pt")
    with pytest.raises(ModelError, match="in training mode"):
        exported(Reference(backend="torch", model=model, input=CONTRACT, output="output"), tmp_path)


class ReadsFile(torch.nn.Module):  # type: ignore[misc, name-defined]
    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[name-defined]
        return x + torch.from_file("/etc/hostname", False, 1, dtype=torch.uint8)


class Prints(torch.nn.Module):  # type: ignore[misc, name-defined]
    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[name-defined]
        print("::error::in a model")
        return x


def edited(path: Path, old: bytes, new: bytes) -> Path:
    """Return a copy of an archive with another text in its code or JSON; the text has to be there."""
    other, found = path.with_name(f"edited{path.suffix}"), 0
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(other, "w") as after:
        for entry in before.infolist():
            data = before.read(entry)
            if entry.filename.endswith((".py", ".json")):
                found += old in data
                data = data.replace(old, new)
            after.writestr(entry.filename, data)
    assert found
    return other


@pytest.mark.parametrize(("inside", "operator"), [(ReadsFile, "from_file"), (Prints, "print")])
def test_an_operator_that_reaches_outside_is_refused_before_anything_runs(
    tmp_path: Path, inside: Any, operator: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = scripted(Network(inside()).eval(), tmp_path / "m.pt")
    assert f"its operator '{operator}' reaches outside the network" in ALONE.refused(ALONE.spec(path))
    assert "::error::" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    "spelt",
    [
        "torch . from_file (",
        "torch.# a\n    from_file(",
        "ops.aten.from_file(",
        "ops.aten . from_file\t(",
        "torch.save(",
        "torch._print(",
        "ops.prim.rpc_async(",
    ],
)
def test_however_its_code_is_spelt(tmp_path: Path, spelt: str) -> None:
    path = scripted(Network(torch.nn.Identity()).eval(), tmp_path / "m.pt")
    assert "reaches outside the network" in ALONE.refused(ALONE.spec(edited(path, b"torch.softmax(", spelt.encode())))


def test_names_that_only_look_so_are_fine(tmp_path: Path) -> None:
    path = scripted(Network(torch.nn.Identity()).eval(), tmp_path / "m.pt")
    kind_of(edited(path, b"def forward(", b"def blueprint(self) -> int:\n    return 1\n  def forward("))


def test_a_program_that_reads_a_file_is_refused(tmp_path: Path) -> None:
    path = program(Network(torch.nn.Identity()).eval(), tmp_path / "m.pt")
    wrong = edited(path, b"torch.ops.aten.softmax.int", b"torch.ops.aten.from_file.default")
    text = ALONE.refused(ALONE.spec(wrong))
    assert "its operator 'torch.ops.aten.from_file.default' reaches outside the network" in text
