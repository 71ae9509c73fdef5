"""Digests of files, and whether a file is still the one that was digested."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ModelError

# Bytes of which it is known, once a file was digested, whether it has them: the names of loops in models' files.
MARKS = (b"NextIteration", b"While", b"Loop", b"Scan", b'"Loop"', b'"TensorIterator"')
_LONGEST = max(map(len, MARKS))
_marks: dict[tuple[Path, str], frozenset[bytes]] = {}


@dataclass(frozen=True)
class Digested:
    """Files and their sha256 (hex, over all of them), with what tells cheaply that they were not touched since."""

    paths: tuple[Path, ...]
    signatures: tuple[str, ...]
    sha256: str

    def replaced(self) -> Path | None:
        """Return the first file that was touched, where the bytes are other ones now; None where they are not."""
        touched = [path for path, was in zip(self.paths, self.signatures, strict=True) if _signature(path) != was]
        if not touched:
            return None
        try:
            return None if file_sha256(*self.paths) == self.sha256 else touched[0]
        except ModelError:
            return touched[0]


def digested(*paths: Path) -> tuple[Digested, tuple[str, ...], int]:
    """Read every file once; return the files, the sha256 of each one, and their bytes together.

    Raises ModelError where one is unreadable.
    """
    signatures = tuple(_signature(path) for path in paths)
    together, each, count = digest_files(*paths)
    return Digested(paths, signatures, together), each, count


def _signature(path: Path) -> str:
    """Return what every write and every replacement changes: the file's number, size and times."""
    try:
        status = path.stat()
    except OSError:
        return "absent"
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"


def digest_files(*paths: Path) -> tuple[str, tuple[str, ...], int]:
    """Read every file once; return the sha256 (hex) over all of them, that of each file, and their bytes together.

    Raises ModelError where one is unreadable.
    """
    together, each, count = hashlib.sha256(), [], 0
    for path in paths:
        alone, before, marks, signature = hashlib.sha256(), b"", set(), _signature(path)
        try:
            with path.open("rb") as stream:
                while block := stream.read(1 << 20):
                    together.update(block)
                    alone.update(block)
                    count += len(block)
                    marks |= {mark for mark in MARKS if mark in block or mark in before + block[:_LONGEST]}
                    before = block[-_LONGEST:]
        except OSError as error:
            raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
        each.append(alone.hexdigest())
        _marks[path, signature] = frozenset(marks)
    return together.hexdigest(), tuple(each), count


def file_sha256(*paths: Path) -> str:
    """Return the sha256 (hex) over the bytes of the files, one after the other.

    Raises ModelError where one is unreadable.
    """
    return digest_files(*paths)[0]


def contains(path: Path, *parts: bytes) -> bool:
    """Return whether a file contains any of some bytes; False where it cannot be read.

    A file that was digested as it is now is not read again for MARKS.
    """
    found = _marks.get((path, _signature(path)))
    if found is not None and set(parts) <= set(MARKS):
        return bool(found & set(parts))
    longest = max(map(len, parts))
    try:
        with path.open("rb") as stream:
            before = b""
            while block := stream.read(1 << 22):
                if any(part in before + block for part in parts):
                    return True
                before = block[-longest:]
    except OSError:
        pass
    return False
