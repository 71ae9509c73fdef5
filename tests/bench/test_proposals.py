from __future__ import annotations

from pathlib import Path

import pytest

from harness.bench.proposals import main
from tests.conftest import IrMaker, write_images


def test_the_table_goes_between_the_marks_of_a_page(
    make_ir: IrMaker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = make_ir(tmp_path / "net.xml")
    write_images(tmp_path / "images", 48)
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- measured -->\nold\n<!-- end -->\nafter\n")
    assert main([str(model), "--images", str(tmp_path / "images"), "--into", str(page)]) == 0
    printed = capsys.readouterr().out
    assert page.read_text() == f"before\n<!-- measured -->\n{printed}<!-- end -->\nafter\n"
    (row,) = [line for line in printed.splitlines() if "net.xml" in line]
    assert row.startswith("| `net.xml` | found | BGR, mean 0 and scale 1 | yes | ")
    assert " of 48 | " in row


def test_a_page_without_marks_and_a_missing_model(
    make_ir: IrMaker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_images(tmp_path / "images", 20)
    (tmp_path / "page.md").write_text("no marks")
    model = make_ir(tmp_path / "net.xml")
    assert main([str(model), "--images", str(tmp_path / "images"), "--into", str(tmp_path / "page.md")]) == 2
    assert main([str(tmp_path / "none.xml"), "--images", str(tmp_path / "images")]) == 2
    error = capsys.readouterr().err
    assert "page.md: has no <!-- measured -->" in error
    assert "does not exist" in error
