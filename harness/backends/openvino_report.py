"""What a compiled OpenVINO model reports of itself: where it runs, at what precision, and what is not as it seems."""

from __future__ import annotations

from typing import Any

from harness.backends.base import Loaded, ModelSpec

_VIRTUAL = ("AUTO", "MULTI", "HETERO", "BATCH")


def report(ov: Any, core: Any, compiled: Any, spec: ModelSpec, *, sha256: str, batch: int, requests: int) -> Loaded:
    """Return what the record says of a compiled model. ``ov``: the openvino module; ``batch``: images a request."""
    devices = _devices(compiled, spec.device)
    precision = _precision(ov, compiled, devices)
    details = {
        "batch": batch,
        "requests": requests,
        "streams": _plain(_read(compiled, devices, "NUM_STREAMS")),
        "threads": _plain(_read(compiled, devices, "INFERENCE_NUM_THREADS")),
        "performance_hint": _plain(_read(compiled, devices, "PERFORMANCE_HINT")),
        "execution_devices": devices,
        "plugin_versions": _versions(core, devices),
    }
    return Loaded(
        backend=f"openvino {ov.get_version()}",
        device=spec.device,
        device_name=", ".join(dict.fromkeys(_full_name(core, device) for device in devices)),
        effective_precision=precision,
        model_sha256=sha256,
        details=details,
        warnings=tuple(f"{spec.id}: {text}" for text in _warnings(spec, precision, devices, batch)),
    )


def _devices(compiled: Any, configured: str) -> list[str]:
    """Return the devices that really run the model; a device in brackets stands in for one that is still loading."""
    try:
        executed = compiled.get_property("EXECUTION_DEVICES")
    except RuntimeError:
        return [configured]
    return [str(device).strip("()") for device in executed] if isinstance(executed, (list, tuple)) else [str(executed)]


def _read(compiled: Any, devices: list[str], name: str) -> Any:
    """Read a property of the compiled model; a virtual device is asked for that of the first device under it."""
    try:
        return compiled.get_property(name)
    except RuntimeError:
        return _below(compiled).get(devices[0], {}).get(name)


def _below(compiled: Any) -> dict[str, dict[str, Any]]:
    try:
        properties = compiled.get_property("DEVICE_PROPERTIES")
    except RuntimeError:
        return {}
    return properties if isinstance(properties, dict) else {}


def _precision(ov: Any, compiled: Any, devices: list[str]) -> str:
    """Return the effective precision, such as f32; that of each device where they differ; `unknown` if none tells."""
    names = {ov.Type.f32: "f32", ov.Type.bf16: "bf16", ov.Type.f16: "f16"}

    def short(value: Any) -> str:
        return names.get(value, str(value)) if isinstance(value, ov.Type) else "unknown"

    try:
        return short(compiled.get_property("INFERENCE_PRECISION_HINT"))
    except RuntimeError:
        below = _below(compiled)
    found = [short(below.get(device, {}).get("INFERENCE_PRECISION_HINT")) for device in devices]
    return "+".join(dict.fromkeys(found)) or "unknown"


def _full_name(core: Any, device: str) -> str:
    try:
        return str(core.get_property(device, "FULL_DEVICE_NAME"))
    except RuntimeError:
        return device


def _versions(core: Any, devices: list[str]) -> dict[str, str]:
    versions: dict[str, str] = {}
    for device in devices:
        try:
            found = core.get_versions(device)
        except RuntimeError:
            continue
        versions |= {name: f"{version.build_number}" for name, version in found.items()}
    return versions


def _warnings(spec: ModelSpec, precision: str, devices: list[str], batch: int) -> list[str]:
    """Return a sentence for whatever is not what it seems."""
    told = []
    if spec.precision not in (precision, "device_default"):
        told.append(f"{spec.precision} was asked of {spec.device}, the compiled model reports {precision}")
    base = spec.device.partition(":")[0]
    if base == "AUTO":
        told.append(f"AUTO may change the device while it runs; it began on {', '.join(devices)}")
    if base == "BATCH":
        told.append("BATCH collects requests into batches by itself; latencies include that waiting")
    if base == "NPU" and batch != 1:
        told.append(f"the NPU was given a batch of {batch}; it is made for 1")
    return told


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, float, str, bool, type(None))) else str(value).rpartition(".")[2]
