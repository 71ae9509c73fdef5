"""Options that a candidate asks LiteRT's interpreter and its delegate for. LiteRT does not report their values.

No delegate is loaded from a library that a configuration names: that would run foreign code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.backends.base import ModelSpec
from harness.errors import ConfigError, nearest

THREADS = "num_threads"
_OPTIONS: Mapping[str, Any] = {
    THREADS: int,
    "experimental_preserve_all_tensors": bool,
    "experimental_disable_delegate_clustering": bool,
    "experimental_default_delegate_latest_features": bool,
    "experimental_compress_quantization_zero_points": bool,
    "experimental_disable_delegate_node_fusion": bool,
}
_OTHERWISE = {
    "experimental_op_resolver_type": "`device: CPU.BUILTIN` leaves the delegate out",
    "experimental_delegates": "delegates of other libraries are not loaded",
    "model_path": "set `model` instead",
    "model_content": "set `model` instead",
}


def asked(spec: ModelSpec, installed: Mapping[str, Any]) -> dict[str, Any]:
    """Return a candidate's properties as arguments of the interpreter. ``installed``: the arguments that it has.

    Raises ConfigError for one that there is not, and for a value of another type.
    """
    known = [name for name in _OPTIONS if name in installed]
    found: dict[str, Any] = {}
    for name, value in spec.properties.items():
        where = f"{spec.id}: properties.{name}"
        if name in _OTHERWISE:
            raise ConfigError(f"{where}: cannot be set: {_OTHERWISE[name]}")
        if name not in known:
            close = nearest(name, known)
            hint = f"; did you mean {close[0]}?" if close else f"; it has {', '.join(known)}"
            raise ConfigError(f"{where}: this LiteRT has no such option{hint}")
        wanted = _OPTIONS[name]
        if type(value) is not wanted or (wanted is int and value < 1):
            raise ConfigError(f"{where}: should be {'true or false' if wanted is bool else 'a whole number from 1'}")
        found[name] = value
    return found


def recorded(spec: ModelSpec) -> dict[str, dict[str, Any]]:
    """Return each property as `requested`; nothing can be read back, so `effective` is null."""
    return {name: {"requested": value, "effective": None} for name, value in spec.properties.items()}
