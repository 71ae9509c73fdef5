"""What a compiled OpenVINO model reports about itself: where it runs, at what precision, and warnings on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from harness.backends.base import Loaded, ModelSpec
from harness.backends.openvino.properties import deviating, read_back

INT8 = "int8"
_SHORT = {"i8": INT8, "u8": INT8}
_MULTIPLYING = frozenset({"Convolution", "GroupConvolution", "Deconvolution", "FullyConnected", "MatMul"})


@dataclass(frozen=True)
class Request:
    """How images are inferred: ``batch`` images per request, ``requests`` in flight.

    ``input_shape``: the model's own; ``fixed``: whether a free dimension of it was fixed to run.
    """

    batch: int
    requests: int
    input_shape: str
    fixed: bool


def report(ov: Any, core: Any, compiled: Any, spec: ModelSpec, sha256: str, request: Request) -> Loaded:
    """Return what the record says of a compiled model. ``ov``: the openvino module; ``sha256``: of its files."""
    devices = execution_devices(compiled, spec.device)
    layers = _layers(compiled)
    precision = _precision(ov, compiled, devices, layers)
    gathers = _gathers(compiled, request.batch)
    details = {
        "batch": request.batch,
        "input_shape": request.input_shape,
        "requests": request.requests,
        "streams": _plain(_read(compiled, devices, "NUM_STREAMS")),
        "threads": _plain(_read(compiled, devices, "INFERENCE_NUM_THREADS")),
        "performance_hint": _plain(_read(compiled, devices, "PERFORMANCE_HINT")),
        "execution_mode_hint": _plain(_read(compiled, devices, "EXECUTION_MODE_HINT")),
        "requests_a_batch": gathers,
        "execution_devices": devices,
        "layers_by_precision": layers,
        "plugin_versions": _versions(core, devices),
    }
    properties = read_back(compiled, spec, lambda name: _read(compiled, devices, name))
    observed = Observed(precision, tuple(devices), request.batch, gathers, layers, request.fixed)
    return Loaded(
        backend=f"openvino {ov.get_version()}",
        device=spec.device,
        device_name=", ".join(dict.fromkeys(_full_name(core, device) for device in devices)),
        effective_precision=precision,
        model_sha256=sha256,
        details=details,
        warnings=tuple(f"{spec.id}: {text}" for text in (*deviations(spec, observed), *deviating(properties))),
        properties=properties,
    )


def after_a_change(before: Loaded, now: Loaded, model: str) -> Loaded:
    """Return what the record says of a model whose device changed while it ran: of both, with a warning.

    ``before`` and ``now``: what it reported then and now; ``model``: its id.
    """
    devices = list(dict.fromkeys([*before.details["execution_devices"], *now.details["execution_devices"]]))
    precisions = list(dict.fromkeys([*before.effective_precision.split("+"), *now.effective_precision.split("+")]))
    sentences = (
        f"{model}: {now.device} changed the device during the run: {', '.join(devices)}; the figures cover all of them"
    )
    names = dict.fromkeys([*before.device_name.split(", "), *now.device_name.split(", ")])
    return replace(
        now,
        device_name=", ".join(names),
        effective_precision="+".join(precisions),
        details={**now.details, "execution_devices": devices},
        warnings=tuple(dict.fromkeys([*before.warnings, *now.warnings, sentences])),
    )


def execution_devices(compiled: Any, configured: str) -> list[str]:
    """Return the devices that really run the model, also one that only replaces another while that is loading."""
    return [device.strip("()") for device in _stated_devices(compiled, configured)]


def _stated_devices(compiled: Any, configured: str) -> list[str]:
    """Return the same as OpenVINO states them: a device in brackets replaces one that is still loading."""
    try:
        executed = compiled.get_property("EXECUTION_DEVICES")
    except RuntimeError:
        return [configured]
    return [str(device) for device in executed] if isinstance(executed, (list, tuple)) else [str(executed)]


def may_wait(compiled: Any, device: str, batch: int) -> bool:
    """Return whether more requests may be queued than the device computes at a time, so that it never waits for one.

    It is faster on the CPU with its streams set for throughput; on other devices it was not measured. ``device``: the
    configured one; ``batch``: images in a request.
    """
    devices = _stated_devices(compiled, device)
    hint = _plain(_read(compiled, devices, "PERFORMANCE_HINT"))
    return devices == ["CPU"] and hint == "THROUGHPUT" and _gathers(compiled, batch) == 1


def _read(compiled: Any, devices: list[str], name: str) -> Any:
    """Read a property of the compiled model; for a virtual device, that of the first device under it."""
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


def _layers(compiled: Any) -> dict[str, int]:
    """Return the number of multiplying layers by the precision of their data; empty if the device reports none.

    The data's, because `runtimePrecision` is the smaller one of data and weights: layers with FP16 weights that compute
    in f32 would count as f16.
    """
    counts: dict[str, int] = {}
    try:
        for layer in compiled.get_runtime_model().get_ops():
            if _text(layer.get_rt_info(), "layerType") in _MULTIPLYING:
                found = layer.input_value(0).get_element_type().to_string()
                name = _SHORT.get(found, found)
                counts[name] = counts.get(name, 0) + 1
    except RuntimeError:
        return {}
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _text(facts: Any, name: str) -> str:
    return str(facts[name].astype(str)) if name in facts else ""


def _precision(ov: Any, compiled: Any, devices: list[str], layers: dict[str, int]) -> str:
    """Return the effective precision, such as f32; that of each device where they differ; `unknown` if none tells.

    ``int8+f32``: quantised layers run in 8 bits, everything else at that precision, which is what the property means.
    """
    names = {ov.Type.f32: "f32", ov.Type.bf16: "bf16", ov.Type.f16: "f16"}

    def short(value: Any) -> str | None:
        return names.get(value, str(value)) if isinstance(value, ov.Type) else None

    try:
        found = [short(compiled.get_property("INFERENCE_PRECISION_HINT"))]
    except RuntimeError:
        below = _below(compiled)
        found = [short(below.get(device, {}).get("INFERENCE_PRECISION_HINT")) for device in devices]
    stated = [name for name in dict.fromkeys(found) if name]
    floating = stated or [name for name in layers if name != INT8][:1] or ["unknown"]
    return "+".join([*([INT8] if INT8 in layers else []), *floating])


def _gathers(compiled: Any, batch: int) -> int | None:
    """Return how many requests the device gathers into one batch by itself (1: none); None if unknown.

    The compiled graph has the batch that really runs; it is looked at only where automatic batching is before it.
    """
    try:
        compiled.get_property("AUTO_BATCH_TIMEOUT")
    except RuntimeError:
        return 1
    try:
        running = next(iter(compiled.get_runtime_model().inputs)).get_partial_shape()[0]
        return int(running.get_length()) // batch
    except (RuntimeError, StopIteration):
        return None


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


@dataclass(frozen=True)
class Observed:
    """What a compiled model reports.

    ``gathers``: requests that the device puts into one batch by itself, 1 where it does not, None if unknown;
    ``layers``: multiplying layers by the precision that they run at; ``fixed``: whether a free dimension was fixed.
    """

    precision: str
    devices: tuple[str, ...]
    batch: int = 1
    gathers: int | None = 1
    layers: Mapping[str, int] = field(default_factory=dict)
    fixed: bool = False


def deviations(spec: ModelSpec, observed: Observed) -> list[str]:
    """Return a sentence for each setting that a reader of the figures could misread."""
    sentences = []
    floating = observed.precision.removeprefix(f"{INT8}+")
    if spec.precision not in (floating, "device_default"):
        sentences.append(f"{spec.precision} was requested on {spec.device}, but the compiled model runs in {floating}")
    others = {name: count for name, count in observed.layers.items() if name not in (INT8, *floating.split("+"))}
    if others and floating != "unknown":
        listed = ", ".join(f"{count} in {name}" for name, count in others.items())
        total = sum(observed.layers.values())
        sentences.append(f"the compiled model reports {floating}, but of its {total} multiplying layers {listed}")
    base = spec.device.partition(":")[0]
    if base in ("AUTO", "MULTI"):
        sentences.append(f"{base} may change the device during the run; it started on {', '.join(observed.devices)}")
    if observed.gathers != 1:
        number = "requests" if observed.gathers is None else f"{observed.gathers} requests"
        sentences.append(f"{spec.device} collects {number} into a batch; latencies include the waiting time")
    elif base == "BATCH":
        sentences.append(f"{spec.device} isn't batching; use {spec.device.partition('(')[0]}(4)")
    if "NPU" in {device.partition(".")[0] for device in observed.devices}:
        if observed.fixed:
            sentences.append(
                f"the NPU needs a fixed shape, so the IR's free dimension was set to batch {observed.batch}"
            )
        elif observed.batch != 1:
            sentences.append(f"the NPU runs a batch of {observed.batch}; use batch 1 for full speed")
    return sentences


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, float, str, bool, type(None))) else str(value).rpartition(".")[2]
