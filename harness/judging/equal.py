"""Numbers of a record, compared with those that are computed again."""

from __future__ import annotations

import math
from typing import Any


def same_number(one: Any, other: Any) -> bool:
    """Return whether two numbers of a record are equal but for rounding; None equals None alone."""
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
