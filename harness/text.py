"""Names that come from outside (files, classes, configuration) made safe to show on one line."""

from __future__ import annotations

import unicodedata

# Control, format (bidirectional marks, zero width), lone surrogates, no characters, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str) -> str:
    r"""Return ``text`` on one line; a character that is hidden or acts on a terminal is written out: \x1b, \u202e."""
    return text if text.isascii() and text.isprintable() else "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def visible_lines(text: str) -> list[str]:
    """Return the lines of a message, each made visible; blank lines at the end are left out."""
    return [visible(line) for line in text.rstrip().split("\n")]
