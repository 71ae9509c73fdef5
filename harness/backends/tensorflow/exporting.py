"""A frozen graph in memory as a file, for converters that read files."""

from __future__ import annotations

from pathlib import Path

from harness.backends.tensorflow.frozen import Frozen


def written(frozen: Frozen, folder: Path) -> Path:
    """Write a frozen graph into a folder; return its path."""
    path = folder / "frozen.pb"
    path.write_bytes(frozen.graph_def.SerializeToString())
    return path
