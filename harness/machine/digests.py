"""Digests of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from harness.errors import ModelError


def digest_files(*paths: Path) -> tuple[str, tuple[str, ...], int]:
    """Read every file once; return the sha256 (hex) over all of them, that of each file, and their bytes together.

    Raises ModelError where one is unreadable.
    """
    together, each, count = hashlib.sha256(), [], 0
    for path in paths:
        alone = hashlib.sha256()
        try:
            with path.open("rb") as stream:
                while block := stream.read(1 << 20):
                    together.update(block)
                    alone.update(block)
                    count += len(block)
        except OSError as error:
            raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
        each.append(alone.hexdigest())
    return together.hexdigest(), tuple(each), count


def file_sha256(*paths: Path) -> str:
    """Return the sha256 (hex) over the bytes of the files, one after the other.

    Raises ModelError where one is unreadable.
    """
    return digest_files(*paths)[0]
