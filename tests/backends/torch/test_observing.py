from __future__ import annotations

from pathlib import Path

import pytest

from harness.backends.base import ModelSpec, Pixels
from harness.config import Input
from tests.backends.observed import check
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, Network

torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is the extra [torch]")
from tests.backends.torch.torch_files import write_files  # noqa: E402


@pytest.fixture(scope="module")
def files(network: Network, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_files(network, tmp_path_factory.mktemp("torch"))


@pytest.mark.parametrize(
    ("name", "output"), [("free", "softmax"), ("fixed", "softmax"), ("traced", "output"), ("scripted", "output")]
)
def test_what_each_operation_gives(
    files: dict[str, Path], network: Network, pixels: Pixels, name: str, output: str
) -> None:
    contract = Input(name="x", color="RGB", mean=MEAN, scale=SCALE)
    spec = ModelSpec("torch", str(files[name]), contract, output, SIZE, CLASSES + 1, batch=2)
    check("torch", spec, network, pixels, slice(None))
