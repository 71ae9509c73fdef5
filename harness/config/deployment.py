"""`deployment:` of a candidate, written out as a candidate of its own: the same at the device's own hints."""

from __future__ import annotations

import copy
from typing import Any

from harness.config.matrix import laid_over
from harness.config.origin import Key, Origin

SUFFIX = "-deployment"


def add_deployments(data: dict[str, Any], origin: Origin | None = None) -> None:
    """Append to ``data["candidates"]`` what each `deployment` there stands for.

    A candidate that is listed under such an id replaces it. What breaks the schema is left for it to tell.
    """
    candidates = data.get("candidates")
    if not isinstance(candidates, list):
        return
    known = {item["id"] for item in candidates if isinstance(item, dict) and isinstance(item.get("id"), str)}
    listed = [*candidates]
    for index, item in enumerate(candidates):
        wanted = item.get("deployment") if isinstance(item, dict) else None
        name = f"{item['id']}{SUFFIX}" if wanted and isinstance(item.get("id"), str) else None
        if name is None or name in known:
            continue
        if origin:
            own: tuple[Key, ...] = (("candidates", index),)
            origin.sources[("candidates", len(listed))] = origin.sources.get(("candidates", index), own)
        listed.append(_deployed(item, name))
    data["candidates"] = listed


def _deployed(candidate: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the row that people ship. A device's own precision may round to less than parity allows at f32."""
    wanted = candidate["deployment"]
    gates = candidate.get("gates")
    gates = {**gates, "parity": None} if isinstance(gates, dict) else {"parity": None}
    stated = wanted.get("gates") if isinstance(wanted, dict) else None
    if isinstance(stated, dict):
        gates = laid_over({name: limits for name, limits in gates.items() if name not in stated or limits}, stated)
    kept = {key: copy.deepcopy(value) for key, value in candidate.items() if key != "deployment"}
    return {**kept, "id": name, "precision": "device_default", "hints": "device", "gates": gates}
