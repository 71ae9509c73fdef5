"""Conversions of PyTorch's files to the IR."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.config import Input
from harness.conversion import convert, staleness
from harness.errors import ModelError
from tests.conftest import Network, require
from tests.conversion.test_formats import answers, configuration

torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is the extra [torch]")


@pytest.fixture(scope="module")
def models(network: Network, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, Path, str]]:
    from tests.backends.torch.torch_files import write_files

    require("openvino")
    files = write_files(network, tmp_path_factory.mktemp("torch"))
    return {name: ("torch", file, "softmax" if file.suffix == ".pt2" else "output") for name, file in files.items()}


def of_torch(folder: Path, models: Any, kind: str, **changes: Any) -> Any:
    candidate = {"model": "ir.xml", "input": {"name": "pixels", "color": "BGR", **changes.pop("contract", {})}}
    config = configuration(folder, models, kind, candidate)
    source = config.original.input.model_copy(update={"name": "x"})
    return config.model_copy(update={"reference": config.original.model_copy(update={"input": source, **changes})})


@pytest.mark.parametrize("color", ["RGB", "BGR"])
@pytest.mark.parametrize("kind", ["free", "fixed", "traced", "scripted"])
def test_an_ir_of_each_file_computes_the_network(
    models: Any, network: Network, pixels: NDArray[np.uint8], tmp_path: Path, kind: str, color: Any
) -> None:
    config = of_torch(tmp_path, models, kind, contract={"color": color})
    done = convert(config, config.candidates[0])
    contract = Input(name="pixels", color=color)
    np.testing.assert_allclose(
        answers("openvino", done.xml, contract, "answer", pixels), network.of_pixels(pixels), atol=1e-5
    )
    wrong = Input(name="pixels", color="BGR" if color == "RGB" else "RGB")
    assert np.abs(answers("openvino", done.xml, wrong, "answer", pixels) - network.of_pixels(pixels)).max() > 0.1
    assert staleness(config, config.candidates[0]) is None


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("free", {"output": "softmx"}, r"has no output 'softmx'; did you mean 'softmax'\?"),
        ("free", {"input": Input(name="y", color="RGB", mean=0, scale=1)}, "has no input 'y'; available: x"),
        ("pickled", {}, "refused: a pickled file of `torch.save`"),
    ],
)
def test_a_bad_original_is_named(models: Any, tmp_path: Path, kind: str, changes: Any, message: str) -> None:
    config = of_torch(tmp_path, models, "free", **changes)
    if kind == "pickled":
        original = config.original.model_copy(update={"model": models["pickled"][1]})
        config = config.model_copy(update={"reference": original})
    with pytest.raises(ModelError, match=message):
        convert(config, config.candidates[0])
    assert not (tmp_path / "ir.xml").exists()


def to_onnx(folder: Path, models: Any, kind: str, color: Any = "BGR") -> Any:
    candidate = {"model": "made.onnx", "backend": "onnxruntime", "conversion": {"to": "onnx"}}
    config = configuration(folder, models, kind, {**candidate, "input": {"name": "pixels", "color": color}})
    source = config.original.input.model_copy(update={"name": "x"})
    return config.model_copy(update={"reference": config.original.model_copy(update={"input": source})})


@pytest.mark.parametrize(("kind", "color"), [("free", "RGB"), ("free", "BGR"), ("fixed", "BGR")])
def test_onnx_of_a_program_computes_the_network(
    models: Any, network: Network, pixels: NDArray[np.uint8], tmp_path: Path, kind: str, color: Any
) -> None:
    pytest.importorskip("onnxscript", reason="onnxscript is not installed; it is the extra [torch-to-onnx]")
    config = to_onnx(tmp_path, models, kind, color)
    done = convert(config, config.candidates[0])
    contract = Input(name="pixels", color=color)
    found = answers("onnxruntime", done.files[0], contract, "answer", pixels)
    np.testing.assert_allclose(found, network.of_pixels(pixels), atol=1e-5)
    assert staleness(config, config.candidates[0]) is None
    assert done.contract.parameters["torch_version"] == torch.__version__


def test_script_is_not_converted_to_onnx(models: Any, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="onnxscript is not installed; it is the extra [torch-to-onnx]")
    config = to_onnx(tmp_path, models, "traced")
    with pytest.raises(ModelError, match="TorchScript, which PyTorch no longer converts to ONNX"):
        convert(config, config.candidates[0])


def test_a_missing_converter_names_its_extra(models: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    config = to_onnx(tmp_path, models, "free")
    with pytest.raises(ModelError, match=r"needs onnxscript.*conversion-accuracy-harness\[torch-to-onnx\]"):
        convert(config, config.candidates[0])
