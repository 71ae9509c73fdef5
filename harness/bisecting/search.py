"""Bisection: the first version that is unlike the good one, over a line of releases or a graph of commits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol


class History(Protocol):
    """Versions from a good one to a bad one."""

    @property
    def good(self) -> str:
        """The version that all others are compared with."""
        ...

    @property
    def bad(self) -> str:
        """The version at the other end."""
        ...

    def versions(self) -> Sequence[str]:
        """Return all of them, the good one first."""
        ...

    def between(self, unchanged: Collection[str], changed: str) -> Sequence[str]:
        """Return those that may be the first changed one, ``changed`` itself left out; what halves them comes first."""
        ...


@dataclass(frozen=True)
class Releases:
    """Versions in a line, from the good one to the bad one."""

    line: tuple[str, ...]

    @property
    def good(self) -> str:
        """The first one."""
        return self.line[0]

    @property
    def bad(self) -> str:
        """The last one."""
        return self.line[-1]

    def versions(self) -> Sequence[str]:
        """Return all of them, the good one first."""
        return self.line

    def between(self, unchanged: Collection[str], changed: str) -> Sequence[str]:
        """Return the versions after the last unchanged one and before ``changed``, from the middle outwards."""
        end = self.line.index(changed)
        start = max(place for place, version in enumerate(self.line[:end]) if version in unchanged)
        middle = (start + end) / 2
        places = sorted(range(start + 1, end), key=lambda place: abs(place - middle))
        return [self.line[place] for place in places]


@dataclass(frozen=True)
class Found:
    """The result of a search. ``first``: the first changed version; None: nothing changed from good to bad.

    ``suspects``: versions that could not be tried and may be the first changed one as well; ``comparable``: False if
    the bad version has nothing to compare with the good one.
    """

    first: str | None
    suspects: tuple[str, ...] = ()
    comparable: bool = True


def first_changed(history: History, is_changed: Callable[[str], bool | None]) -> Found:
    """Find the first changed version. ``is_changed``: None if a version cannot be tried, which skips it.

    The bad version is tried first. A change that was taken back in between is not looked for.
    """
    at_the_end = is_changed(history.bad)
    if not at_the_end:
        return Found(None, comparable=at_the_end is not None)
    changed, unchanged, skipped = history.bad, {history.good}, set[str]()
    while True:
        left = history.between(unchanged, changed)
        to_try = [version for version in left if version not in skipped]
        if not to_try:
            return Found(changed, tuple(left))
        answer = is_changed(to_try[0])
        if answer is None:
            skipped.add(to_try[0])
        elif answer:
            changed = to_try[0]
        else:
            unchanged.add(to_try[0])
