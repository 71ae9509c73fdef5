"""The pages are whole, in a table of contents, and tell people to type what the command line takes."""

from __future__ import annotations

import re
import shlex

import pytest

from harness.cli import build_parser
from tests.docs.pages import DOCS, PAGES, Command, SavedFile, begins_with_the_demo, steps

KINDS = {"tutorials": 5, "how-to": 9}


def commands(page: str) -> list[str]:
    return [step.line for step in steps(page) if isinstance(step, Command) and step.line.startswith("harness ")]


def test_the_kinds() -> None:
    assert {kind: sum(page.startswith(kind) for page in PAGES) for kind in KINDS} == KINDS


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_accepted(page: str) -> None:
    assert commands(page)
    for line in commands(page):
        _, unknown = build_parser().parse_known_args(shlex.split(line)[1:])
        assert unknown == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_the_demo_or_says_that_it_did(page: str) -> None:
    runs = "harness demo" in commands(page)
    uses = any("harness-demo" in line for line in commands(page))
    assert not uses or runs != begins_with_the_demo(page)


def test_every_page_is_in_the_table_of_contents() -> None:
    listed = set(re.findall(r"^([\w/-]+)$", (DOCS / "index.md").read_text(encoding="utf-8"), re.MULTILINE))
    pages = {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")} - {"index"}
    assert {page for page in pages if "/" in page} <= listed  # those directly below docs/ may be put last
    assert listed - pages == {
        "reference/commands",
        "reference/keys",
        "reference/python",
        "security",
    }  # made by `make docs`


def test_what_is_to_be_saved_is_saved() -> None:
    saved = [step.name for step in steps("tutorials/own-classes.md") if isinstance(step, SavedFile)]
    assert saved == ["make.py", "classes.txt", "colours.yml", "classes.txt"]


def test_notes_on_a_command_are_read() -> None:
    typed = [step for step in steps("how-to/watch-a-model-folder.md") if isinstance(step, Command)]
    assert [(step.interrupted, step.exit_code) for step in typed] == [(False, 0), (False, 0), (True, 130)]
    assert typed[-1].line.endswith("--watch models")
    typed = [step for step in steps("tutorials/first-verdict.md") if isinstance(step, Command)]
    assert [step.exit_code for step in typed] == [0, 1, 0]


def test_links_between_pages_are_called_by_their_subject() -> None:
    """The site shows a link's text as it is: a page's title or subject, not the name of its file."""
    pages = sorted(DOCS.rglob("*.md"))
    called = [
        f"{page.relative_to(DOCS)}: {text}"
        for page in pages
        for text in re.findall(r"\[([^\]]+)\]\([^)]*\.md[^)]*\)", page.read_text(encoding="utf-8"))
        if text.endswith(".md")
    ]
    assert called == []
