"""Where a configuration's models and images lie, as paths that are relative to the configuration."""

from __future__ import annotations

import os
from pathlib import Path


def beside(path: Path, out: Path | None) -> Path:
    """Return a path as a configuration in ``out``'s folder (None: the current one) names it; absolute ones stay."""
    if path.is_absolute() or out is None:
        return path
    return Path(os.path.relpath(path, out.parent))  # may lead upwards, which pathlib's own way cannot before 3.12


def model_file(folder: Path, name: str, file: str) -> Path:
    """Return where a model's file lies below the folder: as named, or in a folder of the model zoo's downloader."""
    for inside in (Path(), Path(name), Path("public", name), Path("intel", name)):
        if (folder / inside / file).exists():
            return folder / inside / file
    return folder / file


def converted_file(folder: Path, name: str, listed: str | None) -> Path:
    """Return where the converted model lies below the folder; ``listed``: the IR that `model.yml` downloads."""
    names = [listed] if listed else [f"{name}.xml", f"FP32/{name}.xml", f"FP16/{name}.xml"]
    for file in names:
        found = model_file(folder, name, file)
        if found.exists():
            return found
    return folder / names[0]
