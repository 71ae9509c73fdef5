"""What OpenVINO finds on this machine: devices, what they can do, and the virtual devices over them."""

from __future__ import annotations

import re
from typing import Any

from harness.backends.openvino.framework import reason
from harness.machine.devices import AbsentDevice, Device, Devices, VirtualDevice

VIRTUAL = {
    "AUTO": "chooses a device, and may change it during the run",
    "HETERO": "splits a model over several devices, operation by operation",
    "BATCH": "collects single images into batches for one device",
    "MULTI": "distributes images over several devices",
}
EXPECTED = ("CPU", "GPU", "NPU")  # a plug-in of these that finds no device is listed with the reason
_MISSING_LIBRARY = re.compile(r"(lib([\w+-]+)\.so[\w.]*): cannot open shared object file")
_LIBRARIES = {"OpenCL": "OpenCL", "ze_loader": "the oneAPI Level Zero loader"}
_PRECISIONS = {"FP32": "f32", "FP16": "f16", "BF16": "bf16"}
_TYPES = {"f32": "f32", "float32": "f32", "f16": "f16", "float16": "f16", "bf16": "bf16", "bfloat16": "bf16"}


def find_devices(core: Any, version: str, only: str | None = None) -> Devices:
    """Query an ``openvino.Core`` for all devices. A device that does not respond is listed with the reason.

    ``only``: the plug-in to load, such as GPU, and no other one.
    """
    names = [str(name) for name in core.available_devices] if only is None else _names_of(core, only)
    devices = tuple(_device(core, name) for name in names)
    bases = {name.partition(".")[0] for name in names}
    virtual = tuple(
        VirtualDevice(name, f"{name}:{','.join(names[:1] if name == 'BATCH' else names)}", what, plugin)
        for name, what in VIRTUAL.items()
        if names and (plugin := _plugin(core, name)) is not None
    )
    expected = EXPECTED if only is None else (only,)
    absent = tuple(AbsentDevice(name, _why_absent(core, name)) for name in expected if name not in bases)
    return Devices(version, devices, virtual, absent)


def _names_of(core: Any, plugin: str) -> list[str]:
    try:
        numbers = [str(number) for number in core.get_property(plugin, "AVAILABLE_DEVICES")]
    except RuntimeError:
        return []
    return [plugin] if len(numbers) == 1 else [f"{plugin}.{number}" for number in numbers]


def _device(core: Any, name: str) -> Device:
    notes: list[str] = []
    full_name = _ask(core, name, "FULL_DEVICE_NAME", notes)
    capabilities = tuple(sorted(map(str, _ask(core, name, "OPTIMIZATION_CAPABILITIES", notes) or ())))
    default = _ask(core, name, "INFERENCE_PRECISION_HINT", [])
    kind = _ask(core, name, "DEVICE_TYPE", [])
    return Device(
        name=name,
        full_name=None if full_name is None else str(full_name),
        type=None if kind is None else str(kind).rpartition(".")[2].lower(),
        capabilities=capabilities,
        precisions=tuple(short for word, short in _PRECISIONS.items() if word in capabilities),
        default_precision=None if default is None else _short(default),
        plugin=_plugin(core, name),
        note="; ".join(notes) or None,
    )


def _ask(core: Any, device: str, name: str, notes: list[str]) -> Any:
    """Return a property, or None if the device does not respond, which is added to ``notes``."""
    try:
        return core.get_property(device, name)
    except RuntimeError as error:
        notes.append(f"{name}: {reason(error)}")
        return None


def _plugin(core: Any, name: str) -> str | None:
    try:
        versions = core.get_versions(name)
    except RuntimeError:
        return None
    found = [f"{version.description} {version.build_number}" for version in versions.values()]
    return ", ".join(dict.fromkeys(found)) or None


def _why_absent(core: Any, name: str) -> str:
    try:
        core.get_versions(name)
    except RuntimeError as error:
        return not_found(name, error).partition(": ")[2]
    return not_found(name).partition(": ")[2]


def not_found(name: str, error: Exception | None = None) -> str:
    """Return "GPU not found: install OpenCL (libOpenCL.so.1)". ``error``: why its plug-in does not load."""
    missing = _MISSING_LIBRARY.search(str(error)) if error else None
    if missing:
        library, stem = missing.groups()
        known = _LIBRARIES.get(stem)
        return f"{name} not found: install {f'{known} ({library})' if known else library}"
    if error:
        return f"{name} not found: {reason(error)}"
    return f"{name} not found: this machine has none, or its driver is not installed"


def _short(value: Any) -> str:
    """Return an element type as f32, f16 or bf16; others in OpenVINO's own word."""
    text = value.to_string() if hasattr(value, "to_string") else str(value)
    return _TYPES.get(text, text)
