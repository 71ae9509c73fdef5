"""Text from outside (names of files, classes and models, messages of libraries) made safe to print.

A name may hold a line break, an escape sequence of a terminal, a character that turns the direction of writing, or a
command of GitHub's runner. The runner reads every line of both output streams: one that begins with ``::``, after
spaces or none, or that holds ``##[`` anywhere, is a command (``ActionCommand.TryParseV2`` and ``TryParse`` of the
repository actions/runner).
"""

from __future__ import annotations

import unicodedata

# Control, format (bidirectional marks, zero width), lone surrogates, no characters, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
_FIRST_LINE = 300  # characters
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str) -> str:
    r"""Return ``text`` on one line; a character that is hidden or acts on a terminal is written out: \x1b, \u202e."""
    return text if text.isascii() and text.isprintable() else "".join(_shown(character) for character in text)


def visible_lines(text: str) -> list[str]:
    """Return the lines of a message, each made visible; blank lines at the end are left out."""
    return [visible(line) for line in text.rstrip().split("\n")]


def printable(text: str) -> str:
    r"""Return ``text`` on one line that neither a terminal nor GitHub's runner acts on.

    It is made visible, and what the runner would take for a command is written ``:\x3a`` and ``#\x23[``.
    """
    text = visible(text)
    if "##[" in text:
        text = text.replace("##[", "#\\x23[")
    if text.lstrip().startswith("::"):
        text = text.replace("::", ":\\x3a", 1)
    return text


def printable_message(text: str) -> str:
    """Return a message of several lines with each of them printable, and those after the first one indented."""
    first, *others = text.rstrip().split("\n")
    lines = [printable(line.removesuffix("\r")) for line in others]
    return "\n".join([printable(first), *(line if line.startswith("  ") else f"  {line}" for line in lines)])


def first_line(error: BaseException | str) -> str:
    """Return the first line of another tool's message, 300 characters at most; of an empty one, the error's type."""
    lines = str(error).strip().splitlines() or ["no reason given" if isinstance(error, str) else type(error).__name__]
    return lines[0][:_FIRST_LINE]


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
