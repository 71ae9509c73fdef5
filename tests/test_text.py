from __future__ import annotations

import pytest

from harness.text import visible, visible_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain name.jpg", "plain name.jpg"),
        ("Käse 犬 🙂", "Käse 犬 🙂"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
        ("x\u202egnp.\u2066", "x\\u202egnp.\\u2066"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\udcff", "\\udcff"),  # a file name that is no UTF-8
        ("\ufffe\ufdd0", "\\ufffe\\ufdd0"),
        ("\U000e0041", "\\U000e0041"),
        ("", ""),
    ],
)
def test_hidden_characters_are_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_lines_are_kept_and_each_is_visible() -> None:
    assert visible_lines("one\ntwo\x1b\n\n") == ["one", "two\\x1b"]
