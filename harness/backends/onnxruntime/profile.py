"""What really ran: ONNX Runtime's own profile of one run names each node's provider and the types it computed with."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UNKNOWN = "unknown"
_SHORT = {"int8": "int8", "uint8": "int8", "float16": "f16", "bfloat16": "bf16", "float": "f32", "double": "f64"}
_MOVES_ONLY = frozenset({
    "Cast", "Concat", "Flatten", "Gather", "Identity", "Pad", "Reshape", "Shape", "Slice", "Split", "Squeeze",
    "Transpose", "Unsqueeze",
})  # fmt: skip
_OPERATOR = re.compile(r"[A-Za-z0-9]+")  # a provider's own name for many nodes in one has more in it


@dataclass(frozen=True)
class WhatRan:
    """How many nodes each provider ran, and the types of the inputs of those that compute, such as ``int8+f32``.

    ``precision`` is ``unknown`` where no node computes, or where a provider put nodes together into one of its own, of
    which only the outer types are known.
    """

    nodes: Mapping[str, int]
    precision: str


def what_ran(profile: Path) -> WhatRan:
    """Read the file that `end_profiling` names."""
    return of_events(json.loads(profile.read_text(encoding="utf-8")))


def of_events(events: Sequence[Mapping[str, Any]]) -> WhatRan:
    """Return what the events of a profile say."""
    ran = {
        (str(event.get("name")), at if "name" not in event else 0): event["args"]
        for at, event in enumerate(events)
        if event.get("cat") == "Node" and "provider" in event.get("args", {})
    }
    providers = [str(node["provider"]) for node in ran.values()]
    nodes = {name: providers.count(name) for name in sorted(set(providers))}
    if any(not _OPERATOR.fullmatch(str(node.get("op_name", ""))) for node in ran.values()):
        return WhatRan(nodes, UNKNOWN)
    types = {
        kind
        for node in ran.values()
        if node.get("op_name") not in _MOVES_ONLY
        for shape in node.get("input_type_shape", [])
        for kind in shape
    }
    short = dict.fromkeys(name for kind, name in _SHORT.items() if kind in types)
    return WhatRan(nodes, "+".join(short) or UNKNOWN)
