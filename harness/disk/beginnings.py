"""How files of ours begin, so that they are recognised whatever they are called."""

from __future__ import annotations

from pathlib import Path

CAPSULE = b"harness capsule\n"


def begins_with(path: Path, beginning: bytes) -> bool:
    """Return whether an ordinary file begins with these bytes; False where it cannot be read."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            return stream.read(len(beginning)) == beginning
    except (OSError, ValueError):
        return False
