"""The pages that people type from: their commands with the expected exit codes, and the files that they say to save."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import PROJECT

DOCS = PROJECT / "docs"
_FILES = [path for kind in ("tutorials", "how-to") for path in (DOCS / kind).glob("*.md")]
PAGES = tuple(sorted(path.relative_to(DOCS).as_posix() for path in _FILES))
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SAVED = re.compile(r"Save as `([\w.-]+)`:\s*\Z")
_NOTE = re.compile(r"\s+# (exit (\d+)|Ctrl-C ends it)$")


@dataclass(frozen=True)
class Command:
    """One line of a block ``sh``. ``interrupted``: Ctrl-C ends it; ``exit_code``: what it ends with."""

    line: str
    exit_code: int = 0
    interrupted: bool = False


@dataclass(frozen=True)
class SavedFile:
    """A block that the page says to save under a name."""

    name: str
    text: str


def steps(page: str) -> list[Command | SavedFile]:
    """Return what a reader of a page does, in order; blocks that are not `sh` and not saved are read."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found: list[Command | SavedFile] = []
    for block in _BLOCK.finditer(text):
        saved = _SAVED.search(text, 0, block.start())
        if saved:
            found.append(SavedFile(saved[1], block[2]))
        elif block[1] == "sh":
            found += [_command(line) for line in block[2].splitlines() if line.strip()]
    return found


def _command(line: str) -> Command:
    note = _NOTE.search(line)
    if note is None:
        return Command(line)
    return Command(line[: note.start()], int(note[2] or 130), note[2] is None)


def needs(page: str) -> list[str]:
    """Return the packages that a page needs besides TensorFlow and OpenVINO."""
    found = re.match(r"<!-- needs: (.*?) -->", (DOCS / page).read_text(encoding="utf-8"))
    return found[1].split(", ") if found else []


def begins_with_the_demo(page: str) -> bool:
    """Tell whether a page begins where `harness demo` ran; a page that runs it itself begins in an empty folder."""
    return "older where `harness demo` ran" in (DOCS / page).read_text(encoding="utf-8")


def write(folder: Path, file: SavedFile) -> None:
    """Save a file as the page says."""
    (folder / file.name).write_text(file.text, encoding="utf-8")
