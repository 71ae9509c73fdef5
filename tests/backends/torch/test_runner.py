from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import ModelSpec, Pixels
from harness.backends.torch.runner import TorchBackend
from harness.config import Input
from harness.errors import DeviceError
from tests.backends.one_backend import OneBackend
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, Network

torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is the extra [torch]")
from tests.backends.torch.torch_files import write_files  # noqa: E402

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def files(network: Network, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_files(network, tmp_path_factory.mktemp("torch"))


CONTRACT = Input(name="x", color="RGB", mean=MEAN, scale=SCALE)
ALONE = OneBackend(TorchBackend, ModelSpec("torch", "", CONTRACT, "output", SIZE, CLASSES + 1, batch=3, threads=1))
refused = ALONE.refused


def spec(model: Path, **changes: Any) -> ModelSpec:
    return ALONE.spec(model, **{"output": "softmax" if model.suffix == ".pt2" else "output", **changes})


@pytest.mark.parametrize(
    ("name", "layout", "batch"),
    [("free", "NCHW", 3), ("fixed", "NHWC", 2), ("traced", "NCHW", 3), ("scripted", "NCHW", 3)],
)
def test_both_formats(
    files: dict[str, Path], network: Network, pixels: Pixels, name: str, layout: str, batch: int
) -> None:
    with TorchBackend(spec(files[name])) as backend:
        loaded = backend.loaded
        np.testing.assert_allclose(backend.infer(pixels), network.of_pixels(pixels), atol=TOLERANCE)
    assert loaded.backend == f"torch {torch.__version__}"
    assert (loaded.device, loaded.effective_precision, loaded.warnings) == ("CPU", "f32", ())
    assert (loaded.details["layout"], loaded.details["batch"], loaded.details["threads"]) == (layout, batch, 1)
    assert loaded.model_sha256 == hashlib.sha256(files[name].read_bytes()).hexdigest()


def test_wrong_names_sizes_and_devices(files: dict[str, Path]) -> None:
    model = files["free"]
    assert "has no output 'softmx'; did you mean 'softmax'?" in refused(spec(model, output="softmx"))
    assert "has no input 'y'; available: x" in refused(spec(model, input=Input(name="y", color="RGB")))
    assert "the input 'x' has the shape [?, 3, 16, 16], but [?, 8, 8, 3] or" in refused(spec(model, size=8))
    assert "has 5 values per image, but the labels need 9" in refused(spec(model, outputs=9))
    assert "PyTorch has no device 'CUDA.7' on this machine; it has CPU" in refused(
        spec(model, device="CUDA.7"), DeviceError
    )
    assert "the backend torch runs f32, not bf16" in refused(spec(model, precision="bf16"), DeviceError)


def changed(source: Path, target: Path, change: Callable[[str, bytes], bytes], **more: bytes) -> Path:
    """Write a copy of a zip file with other contents."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        for name, data in more.items():
            new.writestr(f"{old.namelist()[0].partition('/')[0]}/{name.replace('__', '/')}", data)
    return target


def test_a_pickled_file_is_refused_with_the_reason(files: dict[str, Path]) -> None:
    assert "refused: a pickled file of `torch.save`, which can run any code" in refused(spec(files["pickled"]))


@pytest.mark.parametrize("name", ["free", "traced"])
def test_a_file_that_is_cut_off(files: dict[str, Path], tmp_path: Path, name: str) -> None:
    path = tmp_path / files[name].name
    path.write_bytes(files[name].read_bytes()[:-200])
    assert "not a PyTorch model, or cut off; fetch or export it again" in refused(spec(path))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"torch.ops.aten.relu.default", b"torch.hub.load", "needs the operator 'torch.hub.load'"),
        (b"torch.ops.aten.relu.default", b"torch.ops.mine.relu.default", "needs the operator 'torch.ops.mine.relu"),
        (b"Symbol('s", b"__import__('os", "its shapes need the expression"),
        (b'"guards_code": []', b'"guards_code": ["exit()"]', "its shapes need the expression 'exit()'"),
    ],
)
def test_a_hostile_program(files: dict[str, Path], tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    def change(name: str, data: bytes) -> bytes:
        return data.replace(old, new) if name.endswith("models/model.json") else data

    assert message in refused(spec(changed(files["free"], tmp_path / "m.pt2", change)))


def test_pickles_that_run_code(files: dict[str, Path], tmp_path: Path) -> None:
    hostile = b"cos\nsystem\n(S'touch pwned'\ntR."

    def inside(name: str, data: bytes) -> bytes:
        if not name.endswith("sample_inputs/model.pt"):
            return data
        (tmp_path / "inner").write_bytes(data)
        inner = changed(tmp_path / "inner", tmp_path / "inner2", lambda n, d: hostile if n.endswith(".pkl") else d)
        return inner.read_bytes()

    path = changed(files["free"], tmp_path / "a.pt2", inside)
    assert "sample_inputs/model.pt names 'os.system'" in refused(spec(path))
    path = changed(files["traced"], tmp_path / "b.pt", lambda n, d: hostile if n.endswith("/data.pkl") else d)
    assert "its pickle data.pkl names 'os.system'" in refused(spec(path))
    path = changed(files["free"], tmp_path / "c.pt2", lambda _, d: d, data__constants__opaque_obj_0=hostile)
    assert "it has a pickled object, data/constants/opaque_obj_0" in refused(spec(path))
