"""`checksums.sha256`: what `sha256sum --check` verifies of the demo's committed files."""

from __future__ import annotations

import hashlib
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
NAME = "checksums.sha256"
GRAPH = "mobilenet_v2_demo_frozen.pb"


def covered(folder: Path = FOLDER) -> list[str]:
    """List the files that the checksums cover, relative to `folder`: images, lists and graph, those that exist."""
    images = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*.JPEG"))
    return images + [name for name in ("val.txt", "synsets.txt", GRAPH) if (folder / name).is_file()]


def write(folder: Path = FOLDER) -> None:
    """Write the checksums anew."""
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in covered(folder)]
    (folder / NAME).write_text("".join(lines), encoding="ascii")


def read(folder: Path = FOLDER) -> dict[str, str]:
    """Return the recorded sha256 of each file, by its relative name."""
    lines = (folder / NAME).read_text(encoding="ascii").splitlines()
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
