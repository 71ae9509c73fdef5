"""Where a configuration's models and images lie, as paths that are relative to the configuration."""

from __future__ import annotations

import os
from pathlib import Path

_ZOO = (Path("public"), Path("intel"))  # the folders of the model zoo's downloader


def beside(path: Path, out: Path | None) -> Path:
    """Return a path as a configuration in ``out``'s folder (None: the current one) names it; absolute ones stay."""
    if path.is_absolute() or out is None:
        return path
    return Path(os.path.relpath(path, out.parent))  # may lead upwards, which pathlib's own way cannot before 3.12


class Places:
    """The folder of the models; without one, ``build`` next to the configuration."""

    def __init__(self, models: Path | None, out: Path | None) -> None:
        self._models = models
        self._out = out

    @property
    def folder(self) -> str:
        """The folder, as the configuration names it."""
        return "build" if self._models is None else str(beside(self._models, self._out))

    def original(self, name: str, file: str) -> str:
        """Return where an original model's file lies, as the configuration names it."""
        return self._named(self._found(name, file) or Path(file))

    def converted(self, name: str, listed: str | None) -> str:
        """Return where the converted model lies; ``listed``: the IR that `model.yml` downloads."""
        files = [listed] if listed else [f"{name}.xml", f"FP32/{name}.xml", f"FP16/{name}.xml"]
        found = [path for path in (self._found(name, file) for file in files) if path is not None]
        return self._named(found[0] if found else Path(files[0]))

    def _found(self, name: str, file: str) -> Path | None:
        """Return the file relative to the folder: as named, or in this model's own folder; None if it is in none."""
        if self._models is None:
            return None
        for inside in (Path(), Path(name), *(folder / name for folder in _ZOO)):
            if os.path.exists(self._models / inside / file):  # noqa: PTH110  (false for a name that is too long)
                return inside / file
        return None

    def _named(self, path: Path) -> str:
        return str(Path(self.folder) / path)
