"""Digests of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from harness.errors import ModelError


def file_sha256(*paths: Path) -> str:
    """Return the sha256 (hex) over the bytes of the files, one after the other.

    Raises ModelError where one is unreadable.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
        except OSError as error:
            raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    return digest.hexdigest()
