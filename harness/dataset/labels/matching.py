r"""The one join of listed names with the names of images, for every form: exact names first, then looser ones.

Lists are made on other machines: names without suffix or with another one (`.jpg` for `.JPEG`), with folders before
them (`val/`, `val\`, an absolute path), in the other Unicode form (NFC, NFD), or in capital letters. A looser rule is
only asked where no stricter one finds an image, and a name that fits two images equally well fits none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from harness.dataset.imagenet import number_of
from harness.dataset.labels.class_names import composed
from harness.dataset.sources.suffixes import IMAGE_SUFFIXES

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # two letters or more: one is a drive
_QUERY = re.compile(r"[?#]")
_JPEG = frozenset({".jpeg", ".jpg", ".jpe", ".jfif"})


@dataclass(frozen=True)
class Match:
    """Which image each name fits: ``rows[i]`` for the i-th name, or None.

    ``unclear``: names that fit two images equally well, with the rows of both.
    """

    rows: list[int | None]
    unclear: list[tuple[str, int, int]] = field(default_factory=list)


def match(images: Sequence[str], names: Sequence[str]) -> Match:
    """Find the image of every name: the same name, else the same in another spelling, else the same end of a path."""
    exact = {name: row for row, name in enumerate(images)}
    found = Match([exact.get(name) for name in names])
    if None not in found.rows:
        return found
    looser = _Looser(images)
    for place, (name, row) in enumerate(zip(names, found.rows, strict=True)):
        if row is None:
            near = looser.rows(name)
            if len(near) > 1:
                found.unclear.append((name, near[0], near[1]))
            elif near:
                found.rows[place] = near[0]
    return found


class _Looser:
    """Images by the last part of their names, without suffix, and by their number in ILSVRC2012."""

    def __init__(self, images: Sequence[str]) -> None:
        self._parts = [_parts(name) for name in images]
        folders = [parts[:-1] for parts in self._parts]
        self._above = len(os.path.commonprefix(folders)) if folders else 0  # noqa: RUF071  (of tuples: whole folders)
        self._by_stem: dict[str, list[int]] = {}
        self._by_number: dict[int, list[int]] = {}
        for row, (name, parts) in enumerate(zip(images, self._parts, strict=True)):
            self._by_stem.setdefault(_stem(parts[-1])[0].casefold(), []).append(row)
            number = number_of(name)
            if number is not None:
                self._by_number.setdefault(number, []).append(row)

    def rows(self, name: str) -> list[int]:
        """Return the images that fit best: none, one, or several that fit equally well."""
        parts = _parts(name)
        near = self._by_stem.get(_stem(parts[-1])[0].casefold(), ())
        ranked = [(rank, row) for row in near if (rank := self._rank(parts, row))]
        if ranked:
            best = max(rank for rank, _ in ranked)
            return [row for rank, row in ranked if rank == best]
        number = number_of(name)
        if number is not None:
            return self._by_number.get(number, [])
        decoded = _decoded(name)
        return [] if decoded == name else self.rows(decoded)

    def _rank(self, parts: tuple[str, ...], row: int) -> tuple[int, int, int, int] | None:
        """Return how well a name fits an image.

        Whether in the same letters, how many parts of the path, whether all of them, and how alike the suffixes are.
        """
        image = self._parts[row]
        common = 1
        while common < min(len(parts), len(image)) and parts[-common - 1] == image[-common - 1]:
            common += 1
        if common < min(len(parts), len(image) - self._above):
            return None  # both have another folder there
        (stem, one), (own, other) = _stem(parts[-1]), _stem(image[-1])
        alike = 3 if one == other else 2 if {one.lower(), other.lower()} <= _JPEG or one.lower() == other.lower() else 1
        return int(stem == own), common, int(len(parts) == len(image)), alike


def plain(name: str) -> str:
    """Return a name in the Unicode form NFC with `/` between folders."""
    return composed(name).replace("\\", "/")


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part for part in plain(name).split("/") if part not in ("", ".", "..")) or (name,)


def _decoded(name: str) -> str:
    """Return a name that was written as part of a URL as the file has it: `%20` is a space, what `?` begins is none."""
    return unquote(_QUERY.split(name)[0] if _SCHEME.match(name) else name)


def _stem(last: str) -> tuple[str, str]:
    stem, suffix = os.path.splitext(last)  # noqa: PTH122  (a Path a name costs more than the join)
    return (stem, suffix) if suffix.lower() in IMAGE_SUFFIXES else (last, "")
