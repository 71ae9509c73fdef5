from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from harness.report.markdown.text import block, code, prose, table
from harness.text import visible
from tests.report.records import HOSTILE

RENDERER = MarkdownIt("commonmark", {"html": True}).enable("table")


def shown(markdown: str) -> str:
    """Return what a reader sees of a table's one cell."""
    page = RENDERER.render("\n".join(table(("head",), [(markdown,)])))
    assert page.count("<td>") == 1
    cell = page.partition("<td>")[2].partition("</td>")[0]
    for tag in ("<code>", "</code>", "<span>", "</span>"):
        cell = cell.replace(tag, "")
    assert "<" not in cell
    return html.unescape(cell).replace("\u200b", "")


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("val/ILSVRC2012_val_00000017.JPEG", "`val/ILSVRC2012_val_00000017.JPEG`"),
        ("a@b #1 *x* [y](z)", "`a@b #1 *x* [y](z)`"),
        ("a|b", "<code>a&#124;b</code>"),
        ("`", "<code>&#96;</code>"),
        ("<b>", "<code>&#60;b&#62;</code>"),
        ("", "<code></code>"),
        (" x", "<code> x</code>"),
    ],
)
def test_code(text: str, markdown: str) -> None:
    assert code(text) == markdown


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("The limit of 0.10 pp; about 21,000.", "The limit of 0.10 pp; about 21,000."),
        ("0.001", "0.001"),
        ("max_abs_diff", "max_abs_diff"),
        ("_x_", r"\_x\_"),
        ("a|b*c*`d`[e](f)~", r"a\|b\*c\*\`d\`\[e\](f)\~"),
        ("<script>&amp;", "&lt;script&gt;&amp;amp;"),
        ("# no heading", r"\# no heading"),
        ("1. no list", r"1\. no list"),
        ("- no item", r"\- no item"),
        ("@team #12", "@&#8203;team #&#8203;12"),
        ("see https://example.org and www.example.org", "see https:&#8203;//example.org and www&#8203;.example.org"),
        ("two\nlines", r"two\\nlines"),
        ("$x$", "<span>$</span>x<span>$</span>"),
    ],
)
def test_prose(text: str, markdown: str) -> None:
    assert prose(text) == markdown


ANYTHING = st.one_of(st.just(HOSTILE), st.text(), st.text(alphabet="|`\\<>&*_[]()#!~$@: \n-+=1.a"))


@given(ANYTHING)
def test_code_shows_exactly_the_text(text: str) -> None:
    assert shown(code(text)).strip() == visible(text).strip()


@given(ANYTHING)
def test_prose_shows_exactly_the_text(text: str) -> None:
    words = visible(text).replace("\u200b", "")
    assert shown(prose(text)).strip() == words.strip()


@given(ANYTHING)
def test_prose_starts_no_block_in_a_list_item(text: str) -> None:
    page = RENDERER.render(f"- {prose(text)}")
    for tag in ("<h1", "<h2", "<hr", "<ol", "<pre", "<blockquote", "<ul>\n<li>\n<ul"):
        assert tag not in page


@given(ANYTHING)
def test_nothing_closes_a_block(text: str) -> None:
    page = RENDERER.render("\n".join(block(text)))
    assert page.count("<pre>") == 1
    assert page.endswith("</code></pre>\n")


def test_table() -> None:
    assert table(("a", "b"), [("1", "2")], right=("b",)) == ["| a | b |", "| --- | ---: |", "| 1 | 2 |"]
