"""What ONNX Runtime can run on here: the execution providers that its build has. None of them is started."""

from __future__ import annotations

from harness.backends.onnxruntime.facts import FACTS
from harness.backends.onnxruntime.framework import import_onnxruntime
from harness.backends.onnxruntime.providers import devices_of
from harness.machine.devices import Device, Devices
from harness.machine.environment import cpu_name

_NOT_STARTED = "its libraries and driver are only checked when a model runs on it"


def find_devices() -> Devices:
    """Return the providers. Raises ModelError if ONNX Runtime is not installed."""
    ort = import_onnxruntime()
    devices = tuple(
        Device(
            name=name,
            full_name=cpu_name() if name == "CPU" else None,
            type="cpu" if name == "CPU" else None,
            capabilities=(),
            precisions=FACTS.precisions,
            default_precision=None,
            plugin=f"{name}ExecutionProvider",
            remark=None if name == "CPU" else _NOT_STARTED,
        )
        for name in devices_of(ort.get_available_providers())
    )
    return Devices(str(ort.__version__), devices, (), ())
