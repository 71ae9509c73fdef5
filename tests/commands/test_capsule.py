"""`harness capsule make`, `harness capsule show`, and `harness validate` of a capsule, in processes of their own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from tests.conftest import PROJECT, Tiny, run_harness, write_config, write_images

IMAGES = 70


@pytest.fixture(scope="module")
def folder(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration, its whole run, a capsule of the same images, and a board with the IR beside a copy of that."""
    place = tmp_path_factory.mktemp("capsule")
    write_images(place / "images", IMAGES)
    write_config(place, tiny)
    made = run_harness("capsule", "make", "config.yml", "a.capsule", "--images", IMAGES, "--json", cwd=place)
    assert made.returncode == 0, made.stderr
    (place / "made.json").write_text(made.stdout)
    whole = run_harness("validate", "config.yml", "--out", "whole", "--no-cache", cwd=place)
    assert whole.returncode == 0, whole.stderr
    board = place / "board"
    board.mkdir()
    for file in (place / "a.capsule", tiny.ir, tiny.ir.with_suffix(".bin")):
        shutil.copy(file, board)
    return place


def record(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / "run.json").read_text()))


def test_the_board_has_no_tensorflow_and_no_images(folder: Path, tmp_path: Path) -> None:
    """Importing TensorFlow ends the process; the verdict and every figure are those of the whole run."""
    for name in ("tensorflow", "keras"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("import os\nos.abort()\n")
    board = folder / "board"
    done = run_harness(
        "validate", "a.capsule", "--out", "run", "--no-cache", cwd=board, PYTHONPATH=f"{tmp_path}:{PROJECT}"
    )
    assert done.returncode == 0, done.stderr
    ours, whole = record(board / "run"), record(folder / "whole")
    for name in ("gates", "comparisons", "matrix", "exit_code", "status"):
        assert ours[name] == whole[name], name
    assert ours["comparisons"][0]["max_abs_diff"] > 0
    assert ours["dataset"]["content_fingerprint"] == whole["dataset"]["content_fingerprint"]
    assert ours["models"][0]["backend"].startswith("tensorflow 2.")
    assert (board / "run" / "report.html").is_file()
    assert (board / "run" / "junit.xml").is_file()


def test_show(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capsule", "show", str(folder / "a.capsule"), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    made = json.loads((folder / "made.json").read_text())
    assert {**shown, "file": ""} == {**made, "file": ""}
    assert (shown["images"]["count"], shown["config"]["name"]) == (IMAGES, "tiny")
    assert main(["capsule", "show", str(folder / "a.capsule")]) == 0
    text = capsys.readouterr().out
    assert f"{IMAGES} of {IMAGES}" in text
    assert "each with its sha256; all match" in text


def test_an_existing_file_is_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "a.capsule").read_bytes()
    assert main(["capsule", "make", str(folder / "config.yml"), str(folder / "a.capsule")]) == 2
    assert "already exists; choose another FILE, or replace it with --overwrite" in capsys.readouterr().err
    assert (folder / "a.capsule").read_bytes() == before


def test_a_damaged_one_ends_with_3(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = (folder / "a.capsule").read_bytes()
    (tmp_path / "b.capsule").write_bytes(data[:-1000])
    for command in (["validate"], ["capsule", "show"]):
        assert main([*command, str(tmp_path / "b.capsule")]) == 3
        error = capsys.readouterr().err
        assert "is cut off" in error
        assert "Traceback" not in error


def test_other_commands_say_that_it_is_a_capsule(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", str(folder / "a.capsule")]) == 2
    assert "only `harness validate` accepts" in capsys.readouterr().err
    assert main(["capsule", "show", str(folder / "config.yml")]) == 3
    assert "is not a parity capsule" in capsys.readouterr().err
    assert main(["capsule", "make", str(folder / "config.yml"), "x", "--discordant", "200"]) == 2


@pytest.mark.parametrize("command", ["fetch", "convert"])
def test_a_pipeline_may_fetch_and_convert_whatever_it_is_given(
    folder: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(folder / "a.capsule"), "--if-needed"]) == 0
    assert f"nothing to {command} for a capsule" in capsys.readouterr().out
    assert main([command, str(folder / "a.capsule")]) == 2
