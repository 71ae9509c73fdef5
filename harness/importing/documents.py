"""YAML files of other tools: read safely, each key with its line, and no key forgotten.

A ``Part`` is a mapping of such a file. Code that reads it takes the keys one by one; ``finish`` turns every unread key
into a fault. Faults are collected, so that one run names all of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from harness.config.load import read_text
from harness.config.origin import Key, dotted
from harness.config.yaml_text import YamlText
from harness.errors import ConfigError, nearest
from harness.text import first_line

_LARGEST = 1_000_000  # bytes; the largest of the public files has 50,000
_LARGEST_NUMBER = 10**300
_TRUE, _FALSE = frozenset({"yes", "true", "t", "y", "1"}), frozenset({"no", "false", "f", "n", "0"})
_SHOWN = 20  # faults; more of them say nothing new


@dataclass(frozen=True)
class Note:
    """What the reader should know; ``at`` is the place for messages, ``place`` the one for comments."""

    at: str
    place: str
    what: str


@dataclass
class Faults:
    """What cannot be carried over (each with file, line and consequence), and what the reader should know."""

    found: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def raise_if_any(self, file: Path) -> None:
        """Raise ConfigError that lists every fault."""
        unique = list(dict.fromkeys(self.found))
        if not unique:
            return
        count = f"{len(unique)} faults" if len(unique) > 1 else "1 fault"
        shown = unique[:_SHOWN] + ([f"and {len(unique) - _SHOWN} more"] if len(unique) > _SHOWN else [])
        raise ConfigError(f"{file}: cannot be imported: {count}\n  " + "\n  ".join(shown))


class Document:
    """One YAML file with a mapping at its top."""

    def __init__(self, file: Path, faults: Faults) -> None:
        """Read the file. Raises ConfigError if it is missing, too large, not UTF-8 text, or not a YAML mapping."""
        self.file = file
        self.faults = faults
        text = _read(file)
        reader = YamlText({})
        try:
            values = reader.load(text.replace("${", "$${"))  # a `${` is plain text in these files
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f"{file}:{mark.line + 1}" if mark is not None else str(file)
            problem = getattr(error, "problem", None) or getattr(error, "reason", None) or first_line(error)
            raise ConfigError(f"{place}: not readable as YAML: {problem}") from None
        if not isinstance(values, dict):
            raise ConfigError(f"{file}: is not a mapping; an accuracy-check.yml begins with `models:`")
        self.lines = reader.lines
        reader.faults += [((*key,), self.line_of(key), "is too large for a number") for key in _too_large(values, ())]
        faults.found += [f"{file}:{line}: {dotted(key)}: {what}" for key, line, what in reader.faults]
        self.top = Part(self, (), values)

    def line_of(self, key: Key) -> int:
        """Return the line of a key, or of the nearest mapping around it, from 1."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.lines:
                return self.lines[key[:length]]
        return 1

    def place(self, key: Key) -> str:
        """Return ``file:line: key``."""
        return f"{self.file}:{self.line_of(key)}: {dotted(key) or 'the file'}"

    def short_place(self, key: Key) -> str:
        """Return ``name:line``, for a comment."""
        return f"{self.file.name}:{self.line_of(key)}"


class Part:
    """A mapping of a document, merged over that of another one (``base``), key by key."""

    def __init__(self, document: Document, key: Key, values: dict[str, Any], base: Part | None = None) -> None:
        self.document = document
        self.key = key
        self.values = values
        self.base = base
        self._taken: set[str] = set()

    @property
    def faults(self) -> Faults:
        """Where faults are collected."""
        return self.document.faults

    def __contains__(self, name: str) -> bool:
        return name in self.values or (self.base is not None and name in self.base)

    def owner(self, name: str) -> Part:
        """Return the part that states a key: this one, or the one that it overrides."""
        return self if name in self.values or self.base is None or name not in self.base else self.base.owner(name)

    def place(self, name: str | None = None) -> str:
        """Return ``name:line`` of the part or of one of its keys, for a comment."""
        if name is None:
            return self.document.short_place(self.key)
        owner = self.owner(name)
        return owner.document.short_place((*owner.key, name))

    def at(self, name: str | None = None) -> str:
        """Return ``file:line: key`` of the part or of one of its keys, for a message."""
        if name is None:
            return self.document.place(self.key)
        owner = self.owner(name)
        return owner.document.place((*owner.key, name))

    def refuse(self, name: str | None, what: str) -> None:
        """Note that a key (or the part) cannot be carried over."""
        if name is not None:
            self._taken.add(name)
        self.faults.found.append(f"{self.at(name)}: {what}")

    def refuse_missing(self, name: str, what: str) -> None:
        """Note that a key is missing, at the key that looks like a misspelling of it where there is one."""
        close = nearest(name, self.values)
        if close:
            self.refuse(close[0], f"this key is unknown; did you mean `{name}`?")
        else:
            self.refuse(None, f"has no `{name}`, so {what}")

    def note(self, name: str | None, what: str) -> None:
        """Note what the reader should know of a key (or the part)."""
        if name is not None:
            self._taken.add(name)
        self.faults.notes.append(Note(self.at(name), self.place(name), what))

    def raw(self, name: str) -> Any:
        """Take a value as it is; None if the key is missing."""
        self._taken.add(name)
        owner = self.owner(name)
        return owner.values.get(name)

    def text(self, name: str) -> str | None:
        """Take a text; a number is read as its text."""
        value = self.raw(name)
        if value is None:
            return None
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            text = str(value)
            if text and text.isprintable():
                return text
        self.refuse(name, f"{shown(value)} is not text")
        return None

    def truth(self, name: str, default: bool = False) -> bool:
        """Take true or false, in any of the spellings that Accuracy Checker takes."""
        value = self.raw(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        word = str(value).strip().lower() if isinstance(value, (str, int)) else ""
        if word in _TRUE | _FALSE:
            return word in _TRUE
        self.refuse(name, f"{shown(value)} is neither true nor false")
        return default

    def whole(self, name: str, low: int = 1, high: int = 10**9) -> int | None:
        """Take a whole number."""
        value = self.number(name)
        if value is None:
            return None
        if value != int(value) or not low <= value <= high:
            self.refuse(name, f"{value:g} is not a whole number from {low} to {high}")
            return None
        return int(value)

    def number(self, name: str) -> float | None:
        """Take a finite number, which may be written as text."""
        value = self.raw(name)
        if value is None:
            return None
        found = number_in(value)
        if found is None:
            self.refuse(name, f"{shown(value)} is not a number")
        return found

    def part(self, name: str) -> Part | None:
        """Take a mapping."""
        value = self.raw(name)
        if value is None:
            return None
        owner = self.owner(name)
        if isinstance(value, dict):
            return Part(owner.document, (*owner.key, name), value)
        self.refuse(name, "should be a mapping")
        return None

    def parts(self, name: str) -> list[Part]:
        """Take a list of mappings (or a mapping of mappings); a plain word stands for ``{type: word}``."""
        value = self.raw(name)
        if value is None:
            return []
        owner = self.owner(name)
        items: list[tuple[str | int, Any]]
        if isinstance(value, dict) and all(isinstance(item, dict) for item in value.values()):
            items = list(value.items())
        elif isinstance(value, list):
            items = list(enumerate(value))
        else:
            self.refuse(name, "should be a list")
            return []
        found = []
        for inner, item in items:
            if isinstance(item, dict):
                found.append(Part(owner.document, (*owner.key, name, inner), item))
            else:
                self.faults.found.append(f"{owner.document.place((*owner.key, name, inner))}: should be a mapping")
        return found

    def texts(self, name: str) -> list[tuple[str, str, str]]:
        """Take a list of texts (or a single one): each with its place for comments and for messages."""
        value = self.raw(name)
        if value is None:
            return []
        owner = self.owner(name)
        items: Sequence[Any] = value if isinstance(value, list) else [value]
        found = []
        for index, item in enumerate(items):
            key = (*owner.key, name, index) if isinstance(value, list) else (*owner.key, name)
            text = str(item)
            if isinstance(item, (dict, list)) or item is None or not text.isprintable():
                self.faults.found.append(f"{owner.document.place(key)}: {shown(item)} is not text")
            else:
                found.append((text, owner.document.short_place(key), owner.document.place(key)))
        return found

    def finish(self, known: Mapping[str, str] | None = None) -> None:
        """Turn every key that was not taken into a fault.

        ``known``: keys that Accuracy Checker has and the harness has not, with what they change.
        """
        known = known or {}
        for name in self.names():
            if name in self._taken:
                continue
            if name in known:
                self.refuse(name, known[name])
                continue
            close = nearest(name, [*self._taken, *known])
            near = f"; did you mean `{close[0]}`?" if close else ""
            self.refuse(name, f"this key is unknown, so its effect would be lost{near}")

    def names(self) -> Iterator[str]:
        """Yield the names of all keys, the part's own first."""
        yield from self.values
        if self.base is not None:
            yield from (name for name in self.base.names() if name not in self.values)


def _too_large(value: Any, key: Key) -> Iterator[Key]:
    """Yield the keys of whole numbers that neither a float can hold nor Python prints."""
    if isinstance(value, int) and abs(value) > _LARGEST_NUMBER:
        yield key
    elif isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for inner, item in list(items):
            found = list(_too_large(item, (*key, inner)))
            if found == [(*key, inner)]:
                value[inner] = None  # so that nothing stumbles over it again
            yield from found


def shown(value: Any) -> str:
    """Return a value for a message, shortened."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def number_in(value: Any) -> float | None:
    """Return the finite number that a value is or spells, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def numbers_in(value: Any) -> list[float] | None:
    """Return the numbers that a scalar, a list, or a text such as ``(0.485, 0.456, 0.406)`` gives; None for others."""
    if isinstance(value, str):
        items: list[Any] = list(re.sub(r"[()\[\]]", " ", value).split(","))
    elif isinstance(value, list):
        items = value
    else:
        items = [value]
    found = [number_in(item) for item in items]
    numbers = [number for number in found if number is not None]
    return numbers if numbers and len(numbers) == len(found) else None


def _read(file: Path) -> str:
    return read_text(
        file,
        largest=_LARGEST,
        kind="Accuracy Checker configuration",
        missing=lambda: f"{file}: no such file",
        folder=lambda: f"{file}: a folder; give the accuracy-check.yml in it",
    )
