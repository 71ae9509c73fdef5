"""A text between two marks of a page, such as a table that a measurement writes."""

from __future__ import annotations

from pathlib import Path

from harness.disk.atomic import write_atomically
from harness.errors import ConfigError


def write_between(page: Path, begin: str, end: str, text: str) -> None:
    """Replace the text between two marks of a page, each on a separate line, by whole lines.

    Raises ConfigError if the page cannot be read or has no such marks, RecordError if it cannot be written.
    """
    try:
        whole = page.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{page}: cannot be read: {error.strerror or error}") from None
    before, first, rest = whole.partition(f"{begin}\n")
    _, second, after = rest.partition(end)
    if not first or not second:
        raise ConfigError(f"{page}: has no {begin} followed by {end}; write both where the text belongs")
    write_atomically(page, f"{before}{begin}\n{text}{end}{after}".encode(), named_by="")
