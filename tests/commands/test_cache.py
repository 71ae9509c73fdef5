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


def test_show_and_trim_every_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {
        "probabilities/a/1.rows": 1,
        "compiled/b/1.blob": 20,
        "models/c/x.xml": 300,
        "remote/d/tree/val/1.jpg": 4_000,
        "remote/d/tree/val/2.jpg": 0,  # not read yet
        "remote/e/whole/x.pb": 50_000,
    }
    for name, size in sizes.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))

    def held(*arguments: str) -> list[int]:
        assert main(["cache", *arguments, "--folder", str(tmp_path), "--json"]) == 0
        return [part["bytes"] for part in json.loads(capsys.readouterr().out)["parts"]]

    assert held("show") == [1, 20, 300, 4_000, 50_000]
    assert held("trim") == [1, 20, 300, 4_000, 50_000]  # the limits of a configuration that states none
    assert held("trim", "--max-gb", "0") == [0, 0, 0, 4_000, 50_000]
    assert held("trim", "--remote-gb", "0") == [0, 0, 0, 0, 0]
    assert (tmp_path / "remote/d/tree/val/1.jpg").exists()  # empty, to be fetched again
    assert main(["cache", "show", "--folder", str(tmp_path)]) == 0
    assert "image sets from URLs                  0.0 MB in 0 files" in capsys.readouterr().out
    assert main(["cache", "trim", "--max-gb", "-1"]) == 2
    assert "--max-gb -1: give a number from 0" in capsys.readouterr().err
