"""Digests of files, and whether a file is still the one that was digested."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.disk.signature import signature_of
from harness.errors import ModelError

_searched: dict[tuple[Path, str], _Search] = {}


@dataclass(frozen=True)
class Digested:
    """Files and their sha256 (hex, over all of them), with what tells cheaply that they were not touched since."""

    paths: tuple[Path, ...]
    signatures: tuple[str, ...]
    sha256: str

    def now(self) -> tuple[str, ...]:
        """Return what tells whether a file is touched from here on; for ``touched_since``."""
        return tuple(map(_signature, self.paths))

    def touched_since(self, before: tuple[str, ...]) -> Path | None:
        """Return the first file that was touched since ``now`` gave ``before``, even with the same bytes."""
        pairs = zip(self.paths, before, self.now(), strict=True)
        return next((path for path, was, is_now in pairs if was != is_now), None)

    def replaced(self) -> Path | None:
        """Return the first file that was touched, where the bytes are other ones now; None if they are not."""
        touched = [path for path, was in zip(self.paths, self.signatures, strict=True) if _signature(path) != was]
        if not touched:
            return None
        try:
            return None if file_sha256(*self.paths) == self.sha256 else touched[0]
        except ModelError:
            return touched[0]


def digested(
    *paths: Path, looked_for: Mapping[str, Sequence[bytes]] | None = None
) -> tuple[Digested, tuple[str, ...], int]:
    """Read every file once; return the files, the sha256 of each one, and their bytes together.

    ``looked_for``: the later arguments of ``contains``, by the suffix of the file, so that it need not read the file
    again.

    Raises ModelError if one is unreadable.
    """
    signatures = tuple(_signature(path) for path in paths)
    together, each, count = _digest_files(paths, looked_for or {})
    return Digested(paths, signatures, together), each, count


def _signature(path: Path) -> str:
    """Return what every write and every replacement changes: the file's number, size and times."""
    try:
        return signature_of(path.stat())
    except OSError:
        return "absent"


def digest_files(*paths: Path) -> tuple[str, tuple[str, ...], int]:
    """Read every file once; return the sha256 (hex) over all of them, that of each file, and their bytes together.

    Raises ModelError if one is unreadable.
    """
    return _digest_files(paths, {})


def _digest_files(paths: Sequence[Path], looked_for: Mapping[str, Sequence[bytes]]) -> tuple[str, tuple[str, ...], int]:
    together, each, count = hashlib.sha256(), [], 0
    for path in paths:
        alone, search, signature = hashlib.sha256(), _Search(looked_for.get(path.suffix, ())), _signature(path)
        try:
            with path.open("rb") as stream:
                while block := stream.read(1 << 20):
                    together.update(block)
                    alone.update(block)
                    count += len(block)
                    search.look(block)
        except OSError as error:
            raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
        each.append(alone.hexdigest())
        if search.parts:
            _searched[path, signature] = search
    return together.hexdigest(), tuple(each), count


def file_sha256(*paths: Path) -> str:
    """Return the sha256 (hex) over the bytes of the files, one after the other.

    Raises ModelError if one is unreadable.
    """
    return digest_files(*paths)[0]


class _Search:
    """Bytes looked for in a file that is read block by block."""

    def __init__(self, parts: Sequence[bytes]) -> None:
        self.parts = frozenset(parts)
        self.found: set[bytes] = set()
        self._longest, self._before = max(map(len, parts), default=0), b""

    def look(self, block: bytes) -> None:
        """Look at the next block."""
        if not self.parts:
            return
        edge = self._before + block[: self._longest]
        self.found |= {part for part in self.parts - self.found if part in block or part in edge}
        self._before = (edge if len(block) < self._longest else block)[-self._longest :]


def contains(path: Path, *parts: bytes) -> bool:
    """Return whether a file contains any of some bytes; False if it cannot be read.

    A file that was digested as it is now is not read again for what was looked for then.
    """
    search = _searched.get((path, _signature(path)))
    if search is None or not set(parts) <= search.parts:
        search = _Search(parts)
        try:
            with path.open("rb") as stream:
                while not search.found and (block := stream.read(1 << 20)):
                    search.look(block)
        except OSError:
            return False
    return not search.found.isdisjoint(parts)
