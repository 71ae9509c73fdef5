"""The tiny network as PyTorch's files: programs with a free and a fixed batch, TorchScript, and a pickle."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from tests.conftest import SIZE, Network

torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is the extra [torch]")


class Tiny(torch.nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, network: Network, layout: str = "NCHW") -> None:
        super().__init__()
        self.first = torch.nn.Parameter(torch.from_numpy(network.first))
        self.second = torch.nn.Parameter(torch.from_numpy(network.second))
        self.nchw = layout == "NCHW"

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[name-defined]
        if self.nchw:
            x = x.permute(0, 2, 3, 1)
        return torch.softmax(torch.relu(x @ self.first).mean((1, 2)) @ self.second, 1)


def write_files(network: Network, folder: Path) -> dict[str, Path]:
    """Return name -> file: `free` and `fixed` (.pt2), `traced` and `scripted` (.pt), `pickled` (.pth)."""
    tiny, example = Tiny(network).eval(), torch.zeros(2, 3, SIZE, SIZE)
    free = torch.export.export(tiny, (example,), dynamic_shapes={"x": {0: torch.export.Dim("n")}})
    fixed = torch.export.export(Tiny(network, "NHWC").eval(), (torch.zeros(2, SIZE, SIZE, 3),))
    torch.export.save(free, folder / "free.pt2")
    torch.export.save(fixed, folder / "fixed.pt2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.trace(tiny, example), folder / "traced.pt")
        torch.jit.save(torch.jit.script(tiny), folder / "scripted.pt")
    torch.save(tiny.state_dict(), folder / "pickled.pth")
    return {path.stem: path for path in folder.iterdir()}
