"""docs/reliability.md names tests; each of them is there."""

from __future__ import annotations

import re

from tests.conftest import PROJECT

PAGE = (PROJECT / "docs" / "reliability.md").read_text(encoding="utf-8")


def test_every_file_that_the_page_names_is_there() -> None:
    files = re.findall(r"`((?:tests|harness)/[^`*]+)`", PAGE)
    assert len(files) > 40
    assert [file for file in files if not (PROJECT / file).exists()] == []


def test_every_test_that_the_page_names_is_there() -> None:
    """A name without a folder is a file beside the one before it, or a test."""
    here = {path.name for path in (PROJECT / "tests").rglob("test_*.py")}
    code = "\n".join(path.read_text(encoding="utf-8") for path in (PROJECT / "tests").rglob("test_*.py"))
    names = re.findall(r"`(test_\w+(?:\.py)?)`", PAGE)
    assert len(names) > 8
    assert [name for name in names if name not in here and f"def {name}(" not in code] == []


def test_all_sixteen_kinds_have_a_row() -> None:
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)] == list(range(1, 17))
