"""What really ran: ONNX Runtime's own profile of one run names each node's provider and the types it computed with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SHORT = {"int8": "int8", "uint8": "int8", "float16": "f16", "bfloat16": "bf16", "float": "f32", "double": "f64"}
_MOVES_ONLY = frozenset({
    "Cast", "Concat", "Flatten", "Gather", "Identity", "Pad", "Reshape", "Shape", "Slice", "Split", "Squeeze",
    "Transpose", "Unsqueeze",
})  # fmt: skip


@dataclass(frozen=True)
class WhatRan:
    """The providers of all nodes, and the types of the inputs of those that compute, such as ``int8+f32``."""

    providers: tuple[str, ...]
    precision: str


def what_ran(profile: Path) -> WhatRan:
    """Read the file that `end_profiling` names."""
    return of_events(json.loads(profile.read_text(encoding="utf-8")))


def of_events(events: Sequence[Mapping[str, Any]]) -> WhatRan:
    """Return what the events of a profile say; the precision is ``unknown`` where no node computes."""
    ran = [event["args"] for event in events if event.get("cat") == "Node" and "provider" in event.get("args", {})]
    providers = tuple(sorted({str(node["provider"]) for node in ran}))
    types = {
        kind
        for node in ran
        if node.get("op_name") not in _MOVES_ONLY
        for shape in node.get("input_type_shape", [])
        for kind in shape
    }
    short = dict.fromkeys(name for kind, name in _SHORT.items() if kind in types)
    return WhatRan(providers, "+".join(short) or "unknown")
