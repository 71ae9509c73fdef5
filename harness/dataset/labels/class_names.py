"""A data set's own class names and the classes that they stand for; ImageNet's own list has two names twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

ByName = Mapping[str, Sequence[int]]


def classes_by_name(names: Sequence[str] | None) -> dict[str, list[int]]:
    """Return the 0-based classes of each name; more than one where a name repeats (`crane`: a bird and a machine)."""
    found: dict[str, list[int]] = {}
    for index, name in enumerate(names or ()):
        found.setdefault(name, []).append(index)
    return found
