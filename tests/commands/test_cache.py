from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import main
from tests.engine.test_cache_archive import filled


def test_export_and_import_say_what_was_moved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path / "here")
    file = str(tmp_path / "cache.tar")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "here"))
    assert main(["cache", "export", file]) == 0
    assert capsys.readouterr().out.startswith("50 answers in 2 files, 0.0 MB, from ")
    assert main(["cache", "import", file, "--folder", str(tmp_path / "there"), "--json"]) == 0
    assert {"files": 2, "images": 50, "left_out": 0}.items() <= json.loads(capsys.readouterr().out).items()
    assert main(["cache", "import", file, "--folder", str(tmp_path / "there")]) == 0
    assert "2 files left out" in capsys.readouterr().out


def test_faults_are_sentences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "import", str(tmp_path / "absent.tar"), "--folder", str(tmp_path / "c")]) == 3
    assert "cannot be read: No such file" in capsys.readouterr().err
    assert main(["cache", "export", str(tmp_path / "x.tar"), "--max-gb", "0"]) == 2
    assert "--max-gb 0: give a number above 0" in capsys.readouterr().err
