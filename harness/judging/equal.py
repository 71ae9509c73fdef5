"""Numbers of a record, compared with those that are computed again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any


def same_number(one: Any, other: Any, rounded: float = 0.0) -> bool:
    """Return whether two numbers of a record are equal but for rounding; None equals None alone.

    ``rounded``: by how much more they may differ, where one was written with fewer digits.
    """
    if one is None or other is None:
        return one is other
    try:
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=max(1e-12, rounded))
    except OverflowError:  # a whole number of hundreds of digits
        return bool(one == other)


def differing(
    written: Any, found: Any, rounded: float = 0.0, at: str = "", *, in_list: bool = False
) -> Iterator[tuple[str, Any, Any]]:
    """Yield where two plain JSON values differ: the dotted place, and the two values.

    What the first does not state (a key that it lacks, or null if the other has a mapping or a list) is no difference.
    ``rounded``: by how much the numbers of a list may also differ.
    """
    if isinstance(written, Mapping) and isinstance(found, Mapping):
        for key, value in written.items():
            yield from differing(value, found.get(key), rounded, f"{at}.{key}" if at else str(key))
        return
    if isinstance(written, list) and isinstance(found, list) and len(written) == len(found):
        for place, (one, other) in enumerate(zip(written, found, strict=True)):
            name = other.get("name", place) if isinstance(other, Mapping) else place
            yield from differing(one, other, rounded, f"{at}.{name}", in_list=True)
        return
    if written is None and isinstance(found, (Mapping, list)):
        return
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (written, found))
    if not (same_number(written, found, rounded if in_list else 0.0) if numbers else written == found):
        yield at, written, found
