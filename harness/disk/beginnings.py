"""The first bytes of the harness's own files, by which they are recognised under any name."""

from __future__ import annotations

from pathlib import Path

CAPSULE = b"harness capsule\n"


def begins_with(path: Path, beginning: bytes) -> bool:
    """Return whether an ordinary file begins with these bytes; False if it cannot be read."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            return stream.read(len(beginning)) == beginning
    except (OSError, ValueError):
        return False
