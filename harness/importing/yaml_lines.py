"""A YAML text with a comment at each line that says where it comes from."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from harness.text import printable_quoted

_PLAIN = re.compile(r"[A-Za-z0-9_./$\-][A-Za-z0-9_./$\-+@=]*")
_COLUMN = 56  # where comments begin, where the line is shorter


class YamlLines:
    """Lines of a YAML document, written from top to bottom."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def comment(self, text: str, indent: int = 0) -> None:
        """Write a line with a comment."""
        self._lines.append(f"{' ' * indent}# {_one_line(text)}")

    def put(self, key: str, value: Any = None, comment: str = "", indent: int = 0, *, item: bool = False) -> None:
        """Write ``key: value``; without a value the key opens a mapping. ``item``: it begins an item of a list."""
        self._put(f"{key}:" if value is None else f"{key}: {flow(value)}", comment, indent, item=item)

    def variable(self, key: str, name: str, comment: str = "", indent: int = 0) -> None:
        """Write ``key: ${NAME}``, which the reader of the configuration sets."""
        self._put(f"{key}: ${{{name}}}", comment, indent)

    def null(self, key: str, comment: str = "", indent: int = 0) -> None:
        """Write ``key: null``."""
        self._put(f"{key}: null", comment, indent)

    def item(self, key: str, value: Any, comment: str = "", indent: int = 0) -> None:
        """Write ``- key: value`` with the value on the same line."""
        self._put(f"{key}: {flow(value)}", comment, indent, item=True)

    def _put(self, text: str, comment: str, indent: int, *, item: bool = False) -> None:
        line = f"{' ' * indent}{'- ' if item else ''}{text}"
        self._lines.append(f"{line:<{_COLUMN}}  # {_one_line(comment)}" if comment else line)

    def text(self) -> str:
        """Return the document."""
        return "\n".join(self._lines) + "\n"


def flow(value: Any) -> str:
    """Return a value as YAML on one line; text that holds ``${`` is written so that no variable is read from it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(inner) for inner in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.12g}"
    text = str(value).replace("${", "$${")
    return text if _is_plain(text) else printable_quoted(json.dumps(text, ensure_ascii=False), wide=True)


def _is_plain(text: str) -> bool:
    """Return whether YAML reads the text as this text without quotes, as every version of YAML does."""
    if not _PLAIN.fullmatch(text) or re.fullmatch(r"[\d.+\-eE]+", text):
        return False
    try:
        return bool(yaml.safe_load(text) == text)
    except (yaml.YAMLError, ValueError):  # such as a date that does not exist
        return False


def _one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
