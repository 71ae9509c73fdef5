"""With a stand-in for ``openvino.Core``: a CPU, two GPUs of which one is broken, no NPU."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.backends.openvino.devices import find_devices, not_found
from harness.backends.openvino.framework import reason


class Core:
    def __init__(self, devices: list[str], properties: dict[str, dict[str, Any]], plugins: dict[str, str]) -> None:
        self.available_devices, self._properties, self._plugins = devices, properties, plugins

    def get_property(self, device: str, name: str) -> Any:
        if name not in self._properties.get(device, {}):
            raise RuntimeError(f"Exception from src/core.cpp:1:\n{device} does not know {name}\n")
        return self._properties[device][name]

    def get_versions(self, device: str) -> dict[str, Any]:
        base = device.partition(".")[0]
        if base not in self._plugins:
            raise RuntimeError(f"Exception from src/core.cpp:2:\nCannot load library of {base}\n\n")
        return {base: SimpleNamespace(description=self._plugins[base], build_number="2025.3-1")}


class ElementType:
    def __init__(self, name: str) -> None:
        self._name = name

    def to_string(self) -> str:
        return self._name


CORE = Core(
    ["CPU", "GPU.0", "GPU.1"],
    {
        "CPU": {
            "FULL_DEVICE_NAME": "Example CPU",
            "OPTIMIZATION_CAPABILITIES": ["INT8", "FP32", "BF16"],
            "INFERENCE_PRECISION_HINT": ElementType("bf16"),
            "DEVICE_TYPE": "Type.INTEGRATED",
        },
        "GPU.0": {"FULL_DEVICE_NAME": "Example GPU", "OPTIMIZATION_CAPABILITIES": ["FP16", "FP32"]},
    },
    {"CPU": "cpu_plugin", "GPU": "gpu_plugin", "AUTO": "auto_plugin", "BATCH": "batch_plugin"},
)


def test_devices_are_described() -> None:
    cpu, gpu, broken = find_devices(CORE, "2025.3").devices
    assert (cpu.full_name, cpu.type, cpu.plugin) == ("Example CPU", "integrated", "cpu_plugin 2025.3-1")
    assert cpu.capabilities == ("BF16", "FP32", "INT8")
    assert cpu.precisions == ("f32", "bf16")
    assert cpu.default_precision == "bf16"
    assert cpu.note is None
    assert (gpu.precisions, gpu.default_precision) == (("f32", "f16"), None)
    assert broken.full_name is None
    assert broken.note is not None
    assert "FULL_DEVICE_NAME: GPU.1 does not know" in broken.note


def test_virtual_devices_stand_over_those_that_are_there() -> None:
    virtual = {item.name: item.example for item in find_devices(CORE, "2025.3").virtual}
    assert virtual == {"AUTO": "AUTO:CPU,GPU.0,GPU.1", "BATCH": "BATCH:CPU"}  # the others' plug-ins are not installed


def test_what_is_not_there_is_told_with_the_reason() -> None:
    absent = {item.name: item.reason for item in find_devices(CORE, "2025.3").absent}
    assert absent == {"NPU": "Cannot load library of NPU"}
    driverless = Core([], {}, {"CPU": "c", "GPU": "g", "NPU": "n"})
    found = find_devices(driverless, "x")
    assert not found.devices
    assert not found.virtual
    assert {item.name for item in found.absent} == {"CPU", "GPU", "NPU"}
    assert all("its driver is not installed" in item.reason for item in found.absent)


@pytest.mark.parametrize(
    ("device", "message", "told"),
    [
        (
            "GPU",
            'Cannot load library "x/libopenvino_gpu.so": libOpenCL.so.1: cannot open shared object file: No such file',
            "GPU not found: install OpenCL (libOpenCL.so.1)",
        ),
        ("NPU", "y: libfoo.so: cannot open shared object file: No such file", "NPU not found: install libfoo.so"),
        ("GPU", "no driver", "GPU not found: no driver"),
    ],
)
def test_a_missing_library_is_named_with_what_to_install(device: str, message: str, told: str) -> None:
    assert not_found(device, RuntimeError(message)) == told


def test_reason() -> None:
    assert reason(RuntimeError("Exception from a.cpp:1:\nCheck 'x' failed\nno driver\n")) == "no driver"
    assert reason(RuntimeError("")) == "RuntimeError"
