"""Text from outside, safe to print."""

from __future__ import annotations

import json
import random
import sys
import unicodedata

import pytest
import yaml

from harness.text import (
    first_line,
    printable,
    printable_message,
    printable_quoted,
    visible,
    visible_lines,
    without_commands,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢 name.jpg", "plain é 漢 name.jpg"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("\x1b[31m\x07\x00\x7f\x9b", r"\x1b[31m\x07\x00\x7f\x9b"),
        ("\u202e\u2066\u200b\ufeff", r"\u202e\u2066\u200b\ufeff"),
        ("\u2028\u2029\x85", r"\u2028\u2029\x85"),
        ("\udcff\ud800", r"\udcff\ud800"),
        ("\U000e0001", r"\U000e0001"),
        ("::error::x", r":\x3aerror::x"),
        ("  ::stop-commands::x", r"  :\x3astop-commands::x"),
        ("\u3000::x", "\u3000:\\x3ax"),
        ("a::b", "a::b"),
        ("x ##[group]y", r"x #\x23[group]y"),
        ("###[a]##[b]", r"##\x23[a]#\x23[b]"),
        ("", ""),
    ],
)
def test_one_line(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_nothing_hidden_is_left_and_a_second_time_changes_nothing() -> None:
    generator = random.Random(0)
    pieces = ["::", "##[", "#", ":", " ", "\n", "\x1b", "a"]
    for _ in range(3000):
        text = "".join(
            generator.choice(pieces) if generator.random() < 0.6 else chr(generator.randrange(sys.maxunicode + 1))
            for _ in range(12)
        )
        shown = printable(text)
        assert len(shown.splitlines()) <= 1
        assert {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}.isdisjoint(map(unicodedata.category, shown))
        assert not shown.lstrip().startswith("::")
        assert "##[" not in shown
        assert printable(shown) == shown
        shown.encode("utf-8")


def test_a_message_keeps_its_lines() -> None:
    text = "what is wrong\r\n  detail \x1b\n    deeper\n::error::x\n  ##[x]\n\n"
    assert printable_message(text) == "what is wrong\\r\n  detail \\x1b\n    deeper\n  :\\x3aerror::x\n  #\\x23[x]"


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


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("what\nwhy"), "what"),
        (ValueError("\n  what \n"), "what"),
        (ValueError(""), "ValueError"),
        (MemoryError(), "MemoryError"),
        ("", "no reason given"),
        ("what\r\nwhy", "what"),
        ("x" * 400, "x" * 300),
    ],
)
def test_the_first_line_of_another_tools_message(error: Exception | str, line: str) -> None:
    assert first_line(error) == line


def test_json_and_yaml_keep_their_value_and_act_on_nothing() -> None:
    value = "::x ##[error]\x1b[2J\x7f\x9b\u202e\u2028\ufeff\U000e0001\U0001f600 é\n"
    plain = json.dumps({"a": [value], value: 1}, indent=1, ensure_ascii=False)
    quoted = printable_quoted(plain)
    assert json.loads(quoted) == json.loads(plain)
    in_yaml = printable_quoted(json.dumps(value, ensure_ascii=False), wide=True)
    assert yaml.safe_load(in_yaml) == value
    for text in (quoted, in_yaml):
        assert "##[" not in text
        assert {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}.isdisjoint(map(unicodedata.category, text.replace("\n", "")))


def test_no_line_of_a_text_is_a_command() -> None:
    text = "a\n  ::error::x\n\nb ::c ##[d]\n"
    assert without_commands(text) == "a\n  :\\x3aerror::x\n\nb ::c #\\x23[d]\n"
