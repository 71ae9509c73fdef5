"""Which floating-point types a graph really computes in: read from its operations and from the switches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# tensorflow/core/framework/types.proto: DT_FLOAT, DT_DOUBLE, DT_BFLOAT16, DT_HALF
_TYPES = {1: "f32", 2: "f64", 14: "bf16", 19: "f16"}
_ORDER = ("f16", "bf16", "f32", "f64")
_COMPUTING = ("T", "dtype", "DstT")
# oneDNN's documentation, "Floating-point Math Mode": what a mode lets its kernels compute in.
_MODES = {"BF16": "bf16", "F16": "f16", "TF32": "tf32", "ANY": "bf16 or f16"}
SWITCHES = ("ONEDNN_DEFAULT_FPMATH_MODE", "TF_SET_ONEDNN_FPMATH_MODE")


def effective_precision(graph_def: Any, environment: Mapping[str, str]) -> str:
    """Return the types that a graph's operations compute in, such as ``f32`` or ``f16+f32``.

    ``graph_def``: only the operations between input and output. A graph that names no floating-point type, such as an
    empty one, gives ``unknown``.
    """
    found = {
        _TYPES[node.attr[name].type]
        for node in graph_def.node
        for name in _COMPUTING
        if name in node.attr and node.attr[name].type in _TYPES
    }
    types = "+".join(name for name in _ORDER if name in found) or "unknown"
    modes = {_MODES[value] for name in SWITCHES if (value := environment.get(name, "").upper()) in _MODES}
    return f"{types} (oneDNN may use {', '.join(sorted(modes))})" if modes and "f32" in found else types
