"""Options that a candidate asks ONNX Runtime for: of the session, of its configuration, of the execution provider.

A name is looked for in this order: an attribute of ``SessionOptions`` (``graph_optimization_level``), a configuration
entry (``session.intra_op.allow_spinning``; those that the installed library has), an option of the provider.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.backends.base import ModelSpec
from harness.errors import ConfigError, nearest

_ENTRY = re.compile(rb"(?<=\0)(?:session|ep|mlas|optimization|memory)\.[a-z0-9_.]*[a-z0-9_](?=\0)")
# Names of files would let a capsule or a configuration write where it should not, or load what it should not.
_FILES = re.compile(r"path|file|dir$|folder|logid|log_id|source_root")
_ATTRIBUTES: Mapping[str, Any] = {
    "enable_cpu_mem_arena": bool,
    "enable_mem_pattern": bool,
    "enable_mem_reuse": bool,
    "use_deterministic_compute": bool,
    "inter_op_num_threads": int,
    "intra_op_num_threads": int,
    "graph_optimization_level": str,
    "execution_mode": str,
    "execution_order": str,
}
_WORDS = {
    "graph_optimization_level": ("GraphOptimizationLevel", "ORT_"),
    "execution_mode": ("ExecutionMode", "ORT_"),
    "execution_order": ("ExecutionOrder", ""),
}


@dataclass(frozen=True)
class Asked:
    """The requested properties, by where they are set; ``attributes`` with values as ONNX Runtime takes them."""

    attributes: Mapping[str, Any] = field(default_factory=dict)
    entries: Mapping[str, str] = field(default_factory=dict)
    provider: Mapping[str, str] = field(default_factory=dict)


def asked(ort: Any, spec: ModelSpec, pinned: Mapping[str, str]) -> Asked:
    """Sort a candidate's properties. ``pinned``: options of the provider that device and precision decide.

    Raises ConfigError for a value of another type, an unknown name, and a property that cannot be set this way.
    """
    attributes: dict[str, Any] = {}
    entries: dict[str, str] = {}
    provider: dict[str, str] = {}
    for name, value in spec.properties.items():
        where = f"{spec.id}: properties.{name}"
        if isinstance(value, Mapping):
            raise ConfigError(f"{where}: is a mapping, but ONNX Runtime's options are plain values; write one value")
        if _FILES.search(name):
            raise ConfigError(f"{where}: is a file or folder, which cannot be set here; leave it out")
        if name in pinned:
            raise ConfigError(f"{where}: is decided by `device` and `precision`; set those instead")
        if name in _ATTRIBUTES:
            attributes[name] = _attribute(ort, where, name, value)
        elif "." in name:
            if name not in (known := session_entries(_library(ort))):
                raise ConfigError(f"{where}: this ONNX Runtime has no such entry{_near(name, known)}")
            entries[name] = _text(value)
        else:
            provider[name] = _text(value)
    return Asked(attributes, entries, provider)


def require_taken(spec: ModelSpec, wanted: Asked, taken: Mapping[str, str]) -> None:
    """Refuse an option that the provider does not have. ``taken``: the options that the session reports.

    Providers leave out what they do not know, or have no option at all, as the CPU's. Raises ConfigError.
    """
    for name in wanted.provider:
        if name not in taken:
            known = sorted({*taken, *_ATTRIBUTES})
            raise ConfigError(
                f"{spec.id}: properties.{name}: neither {spec.device} nor the session has such an option"
                f"{_near(name, known)}"
            )


def read_back(spec: ModelSpec, options: Any, wanted: Asked, taken: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return each property as `requested` and `effective`: as the session's options and the provider have it."""
    effective: dict[str, Any] = {name: _plain(name, getattr(options, name)) for name in wanted.attributes}
    effective |= {name: options.get_session_config_entry(name) for name in wanted.entries}
    effective |= {name: taken.get(name) for name in wanted.provider}
    return {name: {"requested": spec.properties[name], "effective": effective[name]} for name in spec.properties}


@lru_cache(maxsize=2)
def session_entries(library: Path) -> tuple[str, ...]:
    """Return the configuration entries that ONNX Runtime's library knows; it accepts unknown names silently."""
    found = {match.decode() for match in _ENTRY.findall(library.read_bytes())}
    return tuple(sorted(name for name in found if not _FILES.search(name)))


def _library(ort: Any) -> Path:
    folder = Path(ort.__file__).parent / "capi"
    return next(iter(sorted(folder.glob("onnxruntime_pybind11_state*"))))


def _near(name: str, known: tuple[str, ...] | list[str]) -> str:
    close = nearest(name, known)
    shown = [item for item in known if item.partition(".")[0] == name.partition(".")[0]] or [*known]
    return f"; did you mean {close[0]}?" if close else f"; available: {', '.join(shown)}"


def _attribute(ort: Any, where: str, name: str, value: Any) -> Any:
    wanted = _ATTRIBUTES[name]
    if wanted is not str:
        if type(value) is not wanted or value < 0:
            raise ConfigError(f"{where}: should be {'true or false' if wanted is bool else 'a whole number from 0'}")
        return value
    kind, prefix = _WORDS[name]
    members = dict(getattr(ort, kind).__members__)
    member = members.get(str(value)) or members.get(f"{prefix}{str(value).upper()}")
    if member is None:
        raise ConfigError(f"{where}: {value!r} is not one of {', '.join(members)}")
    return member


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _plain(name: str, value: Any) -> Any:
    return getattr(value, "name", value) if name in _WORDS else value
