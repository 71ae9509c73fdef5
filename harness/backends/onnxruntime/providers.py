"""Devices of ONNX Runtime: its execution providers, each called by its own name without `ExecutionProvider`.

`CPU`, `CUDA`, `CUDA.1` (the second one), `OpenVINO` (OpenVINO's CPU), `OpenVINO:GPU` (a device of OpenVINO) ... Upper
and lower case do not count. `precision: f32` turns off the lower precision that a provider would use by default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.backends.base import ModelSpec
from harness.errors import AbsentDeviceError, DeviceError, nearest

CPU = "CPUExecutionProvider"
_SUFFIX = "ExecutionProvider"
_REMOTE = ("AzureExecutionProvider",)  # sends the images to a service; it runs no node by itself
_FORM = re.compile(r"(?P<name>[A-Za-z]+)(?:\.(?P<number>\d{1,3})|:(?P<part>[A-Za-z0-9._:,]+))?")
_PINNED: Mapping[str, Mapping[str, str]] = {"CUDA": {"use_tf32": "0"}, "OpenVINO": {"precision": "FP32"}}
_OF_PARTS = "OpenVINO"  # the provider that has devices of its own


@dataclass(frozen=True)
class Provider:
    """An execution provider as a session takes it: its whole name, and its options."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_cpu(self) -> bool:
        """Whether it is ONNX Runtime's own for the processor."""
        return self.name == CPU


def devices_of(available: Sequence[str]) -> list[str]:
    """Return the names of the devices that these providers are, the CPU first."""
    local = [name for name in available if name not in _REMOTE]
    return sorted((name.removesuffix(_SUFFIX) for name in local), key=lambda name: name != "CPU")


def provider_of(spec: ModelSpec, available: Sequence[str]) -> Provider:
    """Return the provider that a specification's device names.

    ``available``: what ``onnxruntime.get_available_providers`` gives. Raises AbsentDeviceError if it is not among them,
    with those that are, and DeviceError for a name in another form.
    """
    devices = devices_of(available)
    match = _FORM.fullmatch(spec.device)
    name = match["name"].casefold() if match else ""
    found = next((device for device in devices if device.casefold() == name), None)
    if match is None or found is None:
        close = nearest(spec.device, devices)
        near = f"; did you mean {close[0]}? It has" if close else "; it has"
        raise AbsentDeviceError(
            f"{spec.id}: this build of ONNX Runtime has no execution provider for '{spec.device}'{near} "
            f"{', '.join(devices)}"
        )
    options = dict(_PINNED.get(found, {})) if spec.precision == "f32" else {}
    if match["part"] and found != _OF_PARTS:
        raise DeviceError(f"{spec.id}: only {_OF_PARTS} has devices after a colon, '{spec.device}' is {found}")
    if match["number"] and found in ("CPU", _OF_PARTS):
        raise DeviceError(
            f"{spec.id}: {found} has no device numbers; write {found}{':GPU.1' if found == _OF_PARTS else ''}"
        )
    if found == _OF_PARTS:
        options["device_type"] = match["part"] or "CPU"
    if match["number"]:
        options["device_id"] = match["number"]
    return Provider(f"{found}{_SUFFIX}", options)


def require_used(spec: ModelSpec, provider: Provider, session: Sequence[str]) -> None:
    """Raise AbsentDeviceError if ONNX Runtime left the provider out, and would run the CPU's in its place.

    ``session``: the providers that the session says it has.
    """
    if provider.name not in session:
        raise AbsentDeviceError(
            f"{spec.id}: ONNX Runtime cannot start {provider.name} for '{spec.device}' and would run on "
            f"{', '.join(session)}; install its libraries and driver, or choose another device"
        )


def require_ran(spec: ModelSpec, provider: Provider, nodes: Mapping[str, int]) -> tuple[str, ...]:
    """Return warnings on nodes that another provider ran. Raises DeviceError if this one ran none at all.

    ``nodes``: how many each provider ran.
    """
    if not nodes.get(provider.name):
        ran = ", ".join(nodes) or "nothing"
        raise DeviceError(f"{spec.id}: ran on {ran}, not on {provider.name}; choose another device for this model")
    others = {name: count for name, count in nodes.items() if name != provider.name}
    if not others:
        return ()
    listed = ", ".join(f"{count} on {name}" for name, count in others.items())
    return (f"{spec.id}: of {sum(nodes.values())} nodes, {provider.name} ran {nodes[provider.name]}; {listed}",)
