"""The files of a checkpoint: `x.meta` with the graph, `x.index`, and `x.data-00000-of-00001` with the values."""

from __future__ import annotations

from pathlib import Path

from harness.backends.tensorflow.checkpoint import LARGEST, data_files, require_inside
from harness.errors import ModelError


def prefix_of(meta: Path) -> Path:
    """Return what the names of all files of a checkpoint begin with."""
    return meta.with_name(meta.name.removesuffix(".meta"))


def files_of(meta: Path) -> tuple[Path, ...]:
    """Return the files of a checkpoint, the named one first; the index and the first file of values even if missing."""
    prefix = prefix_of(meta)
    values = data_files(prefix) or (prefix.with_name(f"{prefix.name}.data-00000-of-00001"),)
    return (meta, prefix.with_name(f"{prefix.name}.index"), *values)


def require_harmless(meta: Path) -> None:
    """Refuse a checkpoint whose files are links to other folders, or whose graph is too large. Raises ModelError."""
    files = files_of(meta)
    require_inside(files, meta.parent)
    if meta.is_file() and meta.stat().st_size > LARGEST:
        raise ModelError(f"{meta}: {meta.stat().st_size} bytes, more than {LARGEST}")
