"""Properties that a candidate asks OpenVINO for: checked before anything is compiled, and read back afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.backends.base import ModelSpec
from harness.backends.openvino.framework import reason
from harness.errors import ConfigError, nearest

BELOW = "DEVICE_PROPERTIES"  # of a virtual device: properties by device
PRECISION = "INFERENCE_PRECISION_HINT"
_OWN = {
    "CACHE_DIR": "set `cache.compiled` and `cache.folder` instead",
    "WEIGHTS_PATH": "set `model` instead",
    "DEVICE_ID": "set `device` instead, such as GPU.1",
    "MULTI_DEVICE_PRIORITIES": "set `device` instead, such as AUTO:GPU,CPU",
}
_VIRTUAL = ("AUTO", "HETERO", "BATCH", "MULTI")


def require_known(core: Any, spec: ModelSpec) -> None:
    """Refuse a property that the device does not have, may not be set, or does not take this value.

    ``core``: an ``openvino.Core``, on which the properties are set. The device has to be there. Raises ConfigError.
    """
    device = spec.device.partition(":")[0]
    for name, value in spec.properties.items():
        if name == BELOW and device in _VIRTUAL and isinstance(value, Mapping):
            for below, inner in value.items():
                for own, wanted in inner.items():
                    _require(core, spec, below, own, wanted, f"{BELOW}.{below}.")
        elif isinstance(value, Mapping):
            raise ConfigError(
                f"{spec.id}: properties.{name}: is a mapping, which only {BELOW} of AUTO, HETERO ... takes"
            )
        else:
            _require(core, spec, spec.device if device not in _VIRTUAL else device, name, value, "")


def _require(core: Any, spec: ModelSpec, device: str, name: str, value: Any, prefix: str) -> None:
    where = f"{spec.id}: properties.{prefix}{name}"
    if name in _OWN:
        raise ConfigError(f"{where}: cannot be set: {_OWN[name]}")
    if name == PRECISION and spec.precision != "device_default":
        raise ConfigError(
            f"{where}: `precision: {spec.precision}` pins it; write `precision: device_default` next to it"
        )
    try:
        supported = {str(key): str(kind) for key, kind in core.get_property(device, "SUPPORTED_PROPERTIES").items()}
    except RuntimeError as error:
        raise ConfigError(f"{where}: {device} does not list its properties: {reason(error)}") from None
    may_be_set = sorted(key for key, kind in supported.items() if kind != "RO" and key not in _OWN)
    if name not in may_be_set:
        close = nearest(name, may_be_set)
        what = "it is read-only" if name in supported else f"{device} has no such property"
        hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(may_be_set)}"
        below = f" (those of a device below it: {BELOW}: {{CPU: {{{name}: ...}}}})" if device in _VIRTUAL else ""
        raise ConfigError(f"{where}: {what}; {hint}{below}")
    try:
        core.set_property(device, {name: value})
    except (RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {device} does not accept {value!r}: {reason(error)}") from None


def read_back(compiled: Any, spec: ModelSpec, read: Any) -> dict[str, dict[str, Any]]:
    """Return the value of each property, as `requested` and `effective`; null if it is not reported.

    ``read(name)``: the value that the compiled model, or the device below it, reports; None if neither does.
    """
    found: dict[str, dict[str, Any]] = {}
    below = _below(compiled)
    for name, value in spec.properties.items():
        if isinstance(value, Mapping):
            found |= {
                f"{name}.{device}.{own}": _pair(wanted, below.get(device, {}).get(own))
                for device, inner in value.items()
                for own, wanted in inner.items()
            }
        else:
            found[name] = _pair(value, read(name))
    return found


def _below(compiled: Any) -> dict[str, dict[str, Any]]:
    try:
        found = compiled.get_property(BELOW)
    except RuntimeError:
        return {}
    return found if isinstance(found, dict) else {}


def _pair(requested: Any, effective: Any) -> dict[str, Any]:
    plain = effective if isinstance(effective, (bool, int, float, str, type(None))) else _text(effective)
    return {"requested": requested, "effective": plain}


def _text(value: Any) -> str:
    return str(value.to_string()) if hasattr(value, "to_string") else str(value).rpartition(".")[2]


def deviating(properties: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each property whose effective value is not the requested one."""
    return [
        f"{name}: {pair['requested']} was requested, but the compiled model reports {pair['effective']}"
        for name, pair in properties.items()
        if pair["effective"] is not None and not _is_same(pair["requested"], pair["effective"])
    ]


def _is_same(requested: Any, effective: Any) -> bool:
    if _plain(requested) == _plain(effective):
        return True
    try:
        return float(requested) == float(effective)
    except (TypeError, ValueError):
        return False


def _plain(value: Any) -> str:
    text = str(value).strip().casefold()
    return {"true": "yes", "false": "no", "float": "f32", "half": "f16"}.get(text, text)
