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


def is_storable(text: str) -> bool:
    """Return whether UTF-8 can store a text: it has no lone surrogate, which is half of a character."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


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
    return _no_command(visible(text))


def without_commands(text: str) -> str:
    """Return text of several lines, wrapped and styled perhaps, with none that GitHub's runner takes for a command."""
    return "\n".join(map(_no_command, text.split("\n")))


def printable_quoted(text: str, *, wide: bool = False) -> str:
    r"""Return JSON, or a quoted text of YAML, of the same value that neither a terminal nor GitHub's runner acts on.

    Hidden characters are written as \u202e; ``wide``: as YAML writes those beyond \uffff, which JSON writes in two.
    """
    if not (text.isascii() and text.replace("\n", "").isprintable()):
        text = "".join(letter if letter == "\n" else _quoted(letter, wide) for letter in text)
    return text.replace("##[", "##\\u005b")


def printable_message(text: str) -> str:
    """Return a message of several lines with each of them printable, and those after the first one indented."""
    first, *others = text.rstrip().split("\n")
    lines = [printable(line.removesuffix("\r")) for line in others]
    return "\n".join([printable(first), *(line if line.startswith("  ") else f"  {line}" for line in lines)])


def first_line(error: BaseException | str) -> str:
    """Return the first line of another tool's message, 300 characters at most; of an empty one, the error's type."""
    lines = str(error).strip().splitlines() or ["no reason given" if isinstance(error, str) else type(error).__name__]
    return lines[0][:_FIRST_LINE]


def _no_command(line: str) -> str:
    if "##[" in line:
        line = line.replace("##[", "#\\x23[")
    if line.lstrip().startswith("::"):
        line = line.replace("::", ":\\x3a", 1)
    return line


def _quoted(character: str, wide: bool) -> str:
    code = ord(character)
    if unicodedata.category(character) not in _HIDDEN:
        return character
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\U{code:08x}" if wide else f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
