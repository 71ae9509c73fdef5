from __future__ import annotations

from pathlib import Path

import pytest

from harness.disk.marks import write_between
from harness.errors import ConfigError

BEGIN, END = "<!-- x: begin -->", "<!-- x: end -->"


def test_what_stands_between_the_marks_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"a\n{BEGIN}\nold\n{END}\nb {END}\n", encoding="utf-8")
    for text in ("new\n", "", "two\nlines\n"):
        write_between(page, BEGIN, END, text)
        assert page.read_text(encoding="utf-8") == f"a\n{BEGIN}\n{text}{END}\nb {END}\n"


@pytest.mark.parametrize("whole", ["", f"{BEGIN}\n", f"{END}\n{BEGIN}\n"])
def test_a_page_without_both_marks_is_refused_and_kept(tmp_path: Path, whole: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(whole, encoding="utf-8")
    with pytest.raises(ConfigError, match="write both where the text belongs"):
        write_between(page, BEGIN, END, "new\n")
    assert page.read_text(encoding="utf-8") == whole


def test_a_page_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        write_between(tmp_path / "page.md", BEGIN, END, "")
