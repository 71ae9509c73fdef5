"""`--help` in one style: imperative, and every option says its default."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

import pytest

from harness.cli import build_parser

_VERBS = frozenset(
    re.findall(
        r"\w+",
        """compare continue convert count diagnose do evaluate expect fail import inject judge keep limit log look
        measure override pack plan print read replace run search show stop take try use validate vary write""",
    )
)
_NO_VERBS = {"a", "an", "at", "how", "only", "the", "what", "when", "where", "which", "who"}


def _parsers(parser: argparse.ArgumentParser, name: str = "harness") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, inner in action.choices.items():
                yield from _parsers(inner, f"{name} {word}")


_PARSERS = dict(_parsers(build_parser()))
_OPTIONS = {
    f"{name} {action.option_strings[-1]}": action
    for name, parser in _PARSERS.items()
    for action in parser._actions
    if action.option_strings and action.dest not in ("help", "version")
}
_PLACES = {
    f"{name} {action.metavar}": action
    for name, parser in _PARSERS.items()
    for action in parser._actions
    if not action.option_strings and not isinstance(action, argparse._SubParsersAction)
}


def test_there_is_something_to_look_at() -> None:
    assert len(_PARSERS) > 25
    assert len(_OPTIONS) > 80
    assert len(_PLACES) > 20


@pytest.mark.parametrize("name", _PARSERS)
def test_a_command_begins_its_help_with_a_sentence(name: str) -> None:
    text = str(_PARSERS[name].description)
    assert text[0].isupper()
    assert text.endswith(".")
    assert text.split(maxsplit=1)[0].lower() not in _NO_VERBS


@pytest.mark.parametrize("name", _OPTIONS)
def test_an_option_is_an_imperative(name: str) -> None:
    text = str(_OPTIONS[name].help)
    first = text.removeprefix("with --certify: ").split()[0]
    assert text[0].islower()
    assert first in _VERBS
    assert not text.endswith(".")


@pytest.mark.parametrize("name", [name for name, each in _OPTIONS.items() if each.nargs != 0])
def test_an_option_with_a_value_says_its_default(name: str) -> None:
    option = _OPTIONS[name]
    text = str(option.help)
    assert option.required or re.search(r"\bdefault\b|\(required\)|\(repeatable\)", text)
    if isinstance(option.default, int | float | str):
        shown = f"{option.default:g}" if isinstance(option.default, float) else str(option.default)
        assert f"{shown}" in text


@pytest.mark.parametrize("name", _PLACES)
def test_a_positional_says_what_it_is(name: str) -> None:
    text = str(_PLACES[name].help)
    assert text[0].islower() or text[0] == "R"
    assert not text.endswith(".")
