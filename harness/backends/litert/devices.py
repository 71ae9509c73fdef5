"""What LiteRT runs on: the processor, with and without its delegate XNNPACK."""

from __future__ import annotations

from harness.backends.litert.facts import FACTS
from harness.backends.litert.framework import import_litert
from harness.machine.devices import Device, Devices
from harness.machine.environment import cpu_name

WITH_XNNPACK = "CPU"
RESOLVERS = {WITH_XNNPACK: "AUTO", "CPU.BUILTIN": "BUILTIN_WITHOUT_DEFAULT_DELEGATES"}  # LiteRT's names
_KERNELS = {WITH_XNNPACK: "XNNPACK delegate", "CPU.BUILTIN": "LiteRT's own kernels"}


def find_devices() -> Devices:
    """Return both. Raises ModelError if LiteRT is not installed."""
    import_litert()
    devices = tuple(
        Device(
            name=name,
            full_name=cpu_name(),
            type="cpu",
            capabilities=(),
            precisions=FACTS.precisions,
            default_precision=None,
            plugin=_KERNELS[name],
        )
        for name in RESOLVERS
    )
    return Devices(FACTS.version().rpartition(" ")[2], devices, (), ())
