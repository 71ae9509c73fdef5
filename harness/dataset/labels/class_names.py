"""A data set's own class names and the classes that they stand for; ImageNet's own list has two names twice."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

ByName = Mapping[str, Sequence[int]]


class ClassNames(dict[str, list[int]]):
    """The 0-based classes of each name, found in any Unicode form, because file systems change it."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(composed(name))

    def __getitem__(self, name: str) -> list[int]:
        return super().__getitem__(composed(name))


def classes_by_name(names: Sequence[str] | None) -> ClassNames:
    """Return the 0-based classes of each name; more than one where a name repeats (`crane`: a bird and a machine)."""
    found = ClassNames()
    for index, name in enumerate(names or ()):
        found.setdefault(composed(name), []).append(index)
    return found


def composed(name: str) -> str:
    """Return a name in the Unicode form NFC."""
    return unicodedata.normalize("NFC", name)
