"""What PyTorch runs on here: the processor, and the graphics processors of a build with CUDA."""

from __future__ import annotations

from typing import Any

from harness.backends.torch.facts import FACTS
from harness.backends.torch.framework import import_torch
from harness.machine.devices import Device, Devices
from harness.machine.environment import cpu_name


def known_devices(torch: Any) -> dict[str, tuple[str, str]]:
    """Return each device's name -> PyTorch's name of it, and what it is."""
    cuda = torch.cuda
    count = cuda.device_count() if cuda.is_available() else 0
    there = {f"CUDA.{number}": (f"cuda:{number}", str(cuda.get_device_name(number))) for number in range(count)}
    return {"CPU": ("cpu", cpu_name()), **({"CUDA": there["CUDA.0"]} if there else {}), **there}


def find_devices() -> Devices:
    """Return them. Raises ModelError if PyTorch is not installed."""
    torch = import_torch()
    devices = tuple(
        Device(
            name=name,
            full_name=full_name,
            type="cpu" if name == "CPU" else "gpu",
            capabilities=(),
            precisions=FACTS.precisions,
            default_precision=None,
            plugin=None,
        )
        for name, (_, full_name) in known_devices(torch).items()
        if name != "CUDA"  # another name of CUDA.0
    )
    return Devices(str(torch.__version__), devices, (), ())
