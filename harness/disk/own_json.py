"""Small JSON files that the harness keeps for itself: what cannot be read is as good as not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_own_json(path: Path) -> dict[str, Any] | None:
    """Return a file of the harness that is made again where it is missing, damaged, or no object of JSON: None then."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return plain if isinstance(plain, dict) else None
