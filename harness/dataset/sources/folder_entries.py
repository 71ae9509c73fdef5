"""The entries of a folder. A link that leads nowhere, or round in circles, is a file that cannot be read."""

from __future__ import annotations

import os
from pathlib import Path


def entries_of(folder: Path) -> list[tuple[str, bool]]:
    """Return (name, whether it is a folder) of each entry of ``folder``, in any order. Raises OSError."""
    with os.scandir(folder) as entries:
        return [(entry.name, _is_folder(entry)) for entry in entries]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
