"""Keys as text and as tuples, and where they were written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config.origin import Key, Origin, dotted, parse_key

WORDS = st.text(alphabet="abc_-", min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        ("candidates[0].id", ("candidates", 0, "id")),
        ("candidates.0.id", ("candidates", 0, "id")),
        ("a[12][3]", ("a", 12, 3)),
        ("a.007", ("a", "007")),
        ("a.9999999999", ("a", "9999999999")),
        ("a.-1", ("a", "-1")),
        ("a.\u0663", ("a", "\u0663")),  # a digit elsewhere, no index here
    ],
)
def test_parse_key(text: str, key: Key) -> None:
    assert parse_key(text) == key


@given(WORDS, st.lists(WORDS | st.integers(0, 99), max_size=5))
def test_dotted_and_parse_key_are_inverse(first: str, rest: list[str | int]) -> None:
    assert parse_key(dotted((first, *rest))) == (first, *rest)


def test_locate() -> None:
    origin = Origin(Path("c.yml"), {("a",): 3, ("a", "b"): 4}, {("a", "x"), ("new", "y")})
    assert origin.locate(("a", "b")) == "c.yml:4"
    assert origin.locate(("a", "b", "c")) == "c.yml:4"
    assert origin.locate(("a", "c")) == "c.yml:3"
    assert origin.locate(("z",)) == "c.yml"
    assert origin.locate(()) == "c.yml"
    assert origin.locate(("a", "x")) == "--set a.x"
    assert origin.locate(("a", "x", "deeper")) == "--set a.x.deeper"
    assert origin.locate(("new",)) == "--set new"  # only the override made it
    assert origin.locate(("a",)) == "c.yml:3"


def test_place() -> None:
    origin = Origin(Path("c.yml"), {("a",): 3}, {("b",)})
    assert origin.place(("a", 0)) == "c.yml:3: a[0]"
    assert origin.place(("b",)) == "--set b"
    assert origin.place(()) == "c.yml: the configuration"
    assert origin.where("a[0]") == "c.yml:3: a[0]"
