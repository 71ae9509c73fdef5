"""MobileNet v1 with the test bed's weights as a program and as TorchScript, counted as in every other format."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.wire import fields
from tests.backends.real_runs import correct, run

torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is the extra [torch]")
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
WIDTHS = (8, 16, 32, 32, 64, 64, 128, 128, 128, 128, 128, 128, 256, 256)


def weights(path: Path) -> list[Any]:
    """Return the arrays that Conv, Mul and Add take, flat, in the order of the graph; fields as in onnx.proto3."""
    graph = next(value for number, value in fields(memoryview(path.read_bytes())) if number == 7)
    assert isinstance(graph, memoryview)
    arrays, found = {}, []
    for number, value in fields(graph):
        if number == 5 and isinstance(value, memoryview):
            parts = {key: bytes(part) for key, part in fields(value) if isinstance(part, memoryview)}
            arrays[parts[8]] = parts.get(9, b"")
    for number, value in fields(graph):
        if number == 1 and isinstance(value, memoryview):
            listed = [(key, bytes(part)) for key, part in fields(value) if isinstance(part, memoryview)]
            if dict(listed)[4] in (b"Conv", b"Mul", b"Add"):
                found += [arrays[part] for key, part in listed if key == 1 and part in arrays]
    return [torch.from_numpy(np.frombuffer(data, np.float32).copy()) for data in found]


class MobileNet(torch.nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, flat: list[Any]) -> None:
        super().__init__()
        self.flat = torch.nn.ParameterList(flat)

    def forward(self, x: Any) -> Any:
        conv, pad, flat = torch.nn.functional.conv2d, torch.nn.functional.pad, iter(self.flat)
        x = conv(pad(x, (0, 1, 0, 1)), next(flat).view(8, 3, 3, 3), next(flat), stride=2).clamp(0, 6)
        for stride, before, after in zip(STRIDES, WIDTHS[:-1], WIDTHS[1:], strict=True):
            x = pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
            x = conv(x, next(flat).view(before, 1, 3, 3), stride=stride, groups=before)
            x = (x * next(flat).view(1, before, 1, 1) + next(flat).view(1, before, 1, 1)).clamp(0, 6)
            x = conv(x, next(flat).view(after, before, 1, 1), next(flat)).clamp(0, 6)
        x = conv(x.mean((2, 3), keepdim=True), next(flat).view(1000, 256, 1, 1), next(flat))
        return torch.softmax(x.flatten(1), 1)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".pt2", ".pt"])
@pytest.mark.parametrize(("images", "count", "top1", "top5"), [("val", 650, 432, 571), ("fullres", 200, 126, 162)])
def test_the_counts_of_every_other_format(
    shared: Path, tmp_path: Path, suffix: str, images: str, count: int, top1: int, top5: int
) -> None:
    network = MobileNet(weights(shared / "models/mobilenet_v1_0.25_224/mobilenet_v1_0.25_224.onnx")).eval()
    path, example = tmp_path / f"m{suffix}", torch.zeros(2, 3, 224, 224)
    if suffix == ".pt2":
        program = torch.export.export(network, (example,), dynamic_shapes={"x": {0: torch.export.Dim("n")}})
        torch.export.save(program, path)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.jit.save(torch.jit.trace(network, example), path)
    model = {
        "backend": "torch",
        "model": str(path),
        "input": {"name": "x", "color": "RGB", "mean": 127.5, "scale": 127.5},
        "output": "softmax" if suffix == ".pt2" else "output",
    }
    dataset = {"path": str(shared / "imagenet" / images), "images": count, "background_class": False}
    record = run(tmp_path, model, dataset)
    assert correct(record) == {"original": (top1, top5), "candidate": (top1, top5)}
    assert record.exit_code == 0
