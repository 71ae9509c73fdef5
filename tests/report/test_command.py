from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.cli import main

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIXTURES / "schema-1", tmp_path / "reports/net/1"))


def test_a_run_gets_page_markdown_and_junit_by_default(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run)]) == 0
    assert [Path(line).name for line in capsys.readouterr().out.split()] == ["report.html", "report.md", "junit.xml"]


def test_the_index_is_made_of_the_folder_or_of_reports(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--index", str(tmp_path / "reports")]) == 0
    monkeypatch.chdir(tmp_path)
    assert main(["report", "--index"]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "reports/index.html"), "reports/index.html"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give the folder of a run, or --index"),
        (["RUN", "--index", "x"], "leave one out"),
        (["RUN", "--format", "htm"], "did you mean html?"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    arguments: list[str], message: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *(str(run) if word == "RUN" else word for word in arguments)]) == 2
    assert message in capsys.readouterr().err


def test_a_size_is_a_number_of_megabytes(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run), "--format", "html", "--max-mb", "0.2"]) == 0
    assert (run / "report.html").stat().st_size <= 200_000
    with pytest.raises(SystemExit) as stopped:
        main(["report", str(run), "--max-mb", "none"])
    assert stopped.value.code == 2
    assert "is not a size in megabytes" in capsys.readouterr().err
