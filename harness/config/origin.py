"""Where each key of a configuration was written, so that messages can name file and line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from harness.text import printable

Key = tuple[str | int, ...]
_LONGEST = 80  # characters of one part of a key in a message
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def dotted(key: Key) -> str:
    """Return ``('candidates', 0, 'id')`` as ``candidates[0].id``."""
    text = ""
    for part in key:
        if isinstance(part, str) and len(part) > _LONGEST:
            part = f"{part[: _LONGEST - 3]}..."
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return printable(text)


@dataclass
class Origin:
    """The file of a configuration, the line of each key (from 1), and the keys set on the command line.

    ``typed``: the text of each value that YAML reads as a number, a truth value or null, such as `on`;
    ``sources``: for a part that was not written itself, the keys that it was made from, the most telling first.
    """

    file: Path
    lines: dict[Key, int] = field(default_factory=dict)
    overridden: set[Key] = field(default_factory=set)
    sources: dict[Key, tuple[Key, ...]] = field(default_factory=dict)
    typed: dict[Key, str] = field(default_factory=dict)

    def text(self, key: Key) -> str | None:
        """Return how a value that is not text was written; None if that is not known."""
        return self.typed.get(self.written(key))

    def is_overridden(self, key: Key) -> bool:
        """Return whether the key, or a mapping that holds it, came from ``--set``."""
        return any(key[:length] in self.overridden for length in range(1, len(key) + 1))

    def written(self, key: Key) -> Key:
        """Return where a key was really written: itself, or its place in what its part was made from."""
        for length in range(1, len(key) + 1):
            sources = self.sources.get(key[:length])
            set_by_itself = any(key[:end] in self.overridden for end in range(length, len(key) + 1))
            if sources and not set_by_itself:
                rest = key[length:]
                whole = [(*source, *rest) for source in sources]
                found = [item for item in whole if item in self.lines or self.is_overridden(item)]
                parts = [source for source in sources if rest and f"{rest[0]}s" == source[-2]]
                return found[0] if found else parts[0] if parts and rest[0] != "model" else whole[-1]
        return key

    def locate(self, key: Key) -> str:
        """Return ``file:line`` of the key, or of the nearest mapping around it; ``--set key`` when overridden."""
        made_by_override = key not in self.lines and any(item[: len(key)] == key for item in self.overridden)
        if key and (self.is_overridden(key) or made_by_override):
            return f"--set {dotted(key)}"
        for length in range(len(key), 0, -1):
            if key[:length] in self.lines:
                return f"{printable(str(self.file))}:{self.lines[key[:length]]}"
        return printable(str(self.file))

    def where(self, key: str) -> str:
        """Return ``file:line: key`` for a dotted key such as ``candidates[0].model``."""
        return self.place(parse_key(key))

    def place(self, key: Key) -> str:
        """Return ``file:line: key``; ``--set key`` when overridden."""
        key = self.written(key)
        place = self.locate(key)
        return place if place.startswith("--set ") else f"{place}: {dotted(key) or 'the configuration'}"


def parse_key(text: str) -> Key:
    """Return ``candidates[0].id`` (or ``candidates.0.id``) as ``('candidates', 0, 'id')``."""
    words = text.replace("[", ".").replace("]", "").split(".")
    return tuple(int(word) if _INDEX.fullmatch(word) else word for word in words)
