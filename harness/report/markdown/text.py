"""Text from outside, made harmless in GitHub-flavoured Markdown: it ends no cell, starts no tag, mentions no user."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from harness.text import visible

# Backslash would begin visible()'s own notation; such text takes the long way, in entities.
_PLAIN_CODE = re.compile(r"[^\s`|\\<>&](?:[^`|\\<>&]*[^\s`|\\<>&])?")
_SPECIAL = re.compile(r"[\\`*\[\]|~]")
_LOOSE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_BULLET = re.compile(r"^\s*(?=[#+\-=])")
_NUMBERED = re.compile(r"^(\s*\d+)(?=[.)](?:\s|$))")
_CALL = re.compile(r"@(?=\w)|#(?=\d)")
_BREAK = "&#8203;"  # a zero-width space: the words stay, the link or the mention goes


def code(text: str) -> str:
    """Return a name (an id, a path, a value) in code type; inside it GitHub links and mentions nothing."""
    text = visible(text)
    if _PLAIN_CODE.fullmatch(text):
        return f"`{text}`"
    return f"<code>{''.join(_entity(character) for character in text)}</code>"


def _entity(character: str) -> str:
    return character if character.isalnum() or character in " /-,=" else f"&#{ord(character)};"


def prose(text: str) -> str:
    """Return a sentence as plain text on one line, usable in a table cell, a list item or a paragraph."""
    text = visible(text)
    text = _LOOSE_UNDERSCORE.sub(r"\_", _SPECIAL.sub(lambda found: f"\\{found[0]}", text))
    text = _NUMBERED.sub(r"\1\\", _BULLET.sub(r"\\", text))
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("$", "<span>$</span>")
    text = _CALL.sub(rf"\g<0>{_BREAK}", text)
    return re.sub(r"\bwww\.", f"www{_BREAK}.", text.replace("://", f":{_BREAK}//"), flags=re.IGNORECASE)


def block(text: str, language: str = "") -> list[str]:
    """Return the lines of a fenced code block whose fence no line of ``text`` can close."""
    lines = [visible(line) for line in text.split("\n")]
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence + language, *lines, fence]


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> list[str]:
    """Return the lines of a table; ``right``: the headers of right-aligned columns. Cells are finished Markdown."""
    rule = ["---:" if header in right else "---" for header in headers]
    return [f"| {' | '.join(cells)} |" for cells in (headers, rule, *rows)]
