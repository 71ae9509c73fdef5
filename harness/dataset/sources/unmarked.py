"""Images whose names have no suffix: their first bytes tell that they are images."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.dataset.header import begins_as_image
from harness.dataset.remote.mirror import is_unmarked_image
from harness.dataset.remote.unmarked_files import START
from harness.dataset.sources.suffixes import has_no_suffix


def unmarked_images(folder: Path, names: Iterable[str]) -> Iterator[str]:
    """Yield those of the files that are images by their content and have no suffix; only such files are opened."""
    return (name for name in names if has_no_suffix(name) and _is_image(folder / name))


def is_image_at(path: Path, offset: int, length: int) -> bool:
    """Return whether the bytes of a file from ``offset`` on begin as an image does."""
    return begins_as_image(_read(path, offset, min(length, START)))


def _is_image(path: Path) -> bool:
    told = is_unmarked_image(path)
    return begins_as_image(_read(path, 0, START)) if told is None else told


def _read(path: Path, offset: int, length: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return b""
    try:
        return os.pread(descriptor, length, offset) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    except OSError:
        return b""
    finally:
        os.close(descriptor)
