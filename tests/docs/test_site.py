"""The reference that `make docs` generates: all commands, keys and fields; nothing is loaded from outside."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from harness.cli import commands
from harness.config import Config
from tests.conftest import PROJECT
from tests.test_contracts import COMMANDS

spec = importlib.util.spec_from_file_location("docs_site", PROJECT / ".ci" / "docs.py")
assert spec is not None
assert spec.loader is not None
site = importlib.util.module_from_spec(spec)
spec.loader.exec_module(site)


def test_every_command_and_option_is_there() -> None:
    text = site.commands()
    for command in commands():
        assert f"## `harness {command.NAME}`" in text
    for name, arguments in COMMANDS.items():
        assert f"`harness {name}`" in text
        section = text[text.index(f"`harness {name}`\n") :]
        for argument in arguments:
            assert f"| `{argument}" in section, (name, argument)


def test_every_command_and_action_has_a_sentence() -> None:
    parts = re.split(r"^##+ ", site.commands(), flags=re.MULTILINE)[1:]
    assert len(parts) > 25
    for part in parts:
        sentence = part.splitlines()[2]
        assert re.fullmatch(r"[A-Z].{15,}\.", sentence), part


def test_every_key_is_there_with_its_type_and_description() -> None:
    text = site.keys()
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
    assert [row[0] for row in rows if len(row[1].strip(" |")) < 10] == []
    schema = Config.model_json_schema()
    for definition in [schema, *schema["$defs"].values()]:
        for key in definition.get("properties", {}):
            assert f"| `{key}` |" in text
    types = {row[0]: row[2:] for row in rows}
    assert types["| `dataset`"] == ["[Dataset](#dataset)", "**required** |"]
    assert types["| `timeout_seconds`"] == ["number &gt; 0, ≤ 604800", "`300.0` |"]
    assert types["| `optional`"] == ["`true` or `false`", "`false` |"]


def test_the_python_interface_is_there() -> None:
    text = site.python()
    assert "## `harness.validate`" in text
    assert "-> RunRecord\n" in text
    assert "| `exit_code` |" in text
    assert ":func:" not in text
    assert "- `out`: the run's folder.\n" in text  # names that a docstring describes are a list


def test_names_in_a_row_are_a_list() -> None:
    assert site._listed("``a``: one; ``b``, ``c``: two\nlines. ``d``: x; y.") == (
        "- ``a``: one.\n- ``b``, ``c``: two lines.\n- ``d``: x; y."
    )
    assert site._listed("Text with ``a``: no list.") == "Text with ``a``: no list."


def test_a_page_that_is_not_listed_is_put_last() -> None:
    index = "# Home\n\n```{toctree}\na/b\n```\n\n```{toctree}\nc-d\n```\nend\n"
    assert site.with_every_page(index, {"a/b", "c-d", "e"}) == index.replace("c-d\n", "c-d\ne\n")
    assert site.with_every_page(index, {"a/b", "c-d"}) == index


def test_a_page_that_a_description_names_is_a_link() -> None:
    assert site.cell("forms (docs/datasets.md).") == "forms ([Data sets](../datasets.md))."


def test_its_style_sheets_exist() -> None:
    text = (PROJECT / "docs" / "conf.py").read_text(encoding="utf-8")
    names = ast.literal_eval(text.partition("html_css_files = ")[2].partition("\n")[0])
    assert names
    assert [name for name in names if not (PROJECT / "docs" / "_static" / name).is_file()] == []


def test_text_cannot_leave_its_cell() -> None:
    assert site.cell("a | b\n<script>") == "a \\| b &lt;script>"


@pytest.mark.parametrize(
    "text",
    [
        '<script async="async" src="https://x.org/a.js"></script>',
        '<link rel="stylesheet" href="//fonts.googleapis.com/css">',
        '<link href="https://x.org/a.css" rel="stylesheet">',
        "<style>@import url(https://x.org/a.css);</style>",
        '<style>body { background: url("https://x.org/a.png") }</style>',
        '<img alt="a" src="http://x.org/a.png">',
    ],
)
def test_what_is_loaded_from_outside_is_found(text: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(f"<html>{text}</html>", encoding="utf-8")
    assert site.outside(tmp_path)


def test_links_and_files_of_the_site_are_not_outside(tmp_path: Path) -> None:
    text = (
        '<a href="https://x.org">x</a><script src="_static/a.js"></script><link rel="stylesheet" href="_static/a.css">'
    )
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    assert site.outside(tmp_path) == []
