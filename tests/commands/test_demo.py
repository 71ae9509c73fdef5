"""`harness demo`: where its folder is, what is in it, and what it leaves alone."""

from __future__ import annotations

import hashlib
import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from harness.cli import build_parser
from harness.commands import demo
from harness.errors import ConfigError, RecordError
from tests.conftest import PROJECT

LISTED = {
    name: digest
    for digest, name in (
        line.split("  ")
        for line in (PROJECT / "datasets/demo/checksums.sha256").read_text(encoding="utf-8").splitlines()
    )
}


def test_the_folder_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = demo.prepare(None)
    assert folder == Path("harness-demo")
    assert os.listdir() == ["harness-demo"]  # and no temporary file
    assert (folder / "configs/demo.yml").read_bytes() == (PROJECT / "configs/demo.yml").read_bytes()
    assert len(LISTED) > 840
    for name, digest in LISTED.items():
        assert hashlib.sha256((folder / "datasets/demo" / name).read_bytes()).hexdigest() == digest


def test_the_configuration_finds_its_files(tmp_path: Path) -> None:
    from harness import load_config
    from harness.config import require_files

    folder = demo.prepare(tmp_path / "a b")
    config = load_config(folder / "configs/demo.yml")
    require_files(config, candidates=False)
    assert config.reference is not None
    assert config.reference.model.resolve().is_relative_to(folder.resolve())
    assert config.candidates[0].model.resolve().is_relative_to(folder.resolve())


def test_the_suggested_commands_are_accepted_as_they_are_shown() -> None:
    """Copied from the terminal, comment included: a shell cuts that off, and the parser takes the rest."""
    lines = demo._next(Path("a b/run"), Path("a b/configs/demo.yml")).splitlines()
    commands = [shlex.split(line, comments=True) for line in lines if line.startswith("  harness ")]
    assert [command[1] for command in commands] == ["selftest", "validate"]
    for command in commands:
        assert build_parser().parse_args(command[1:]).config == Path("a b/configs/demo.yml")


def test_a_folder_of_before_is_used_as_it_is(tmp_path: Path) -> None:
    folder = demo.prepare(tmp_path / "mine")
    (folder / "configs/demo.yml").write_text("edited: true\n", encoding="utf-8")
    assert demo.prepare(tmp_path / "mine") == folder
    assert (folder / "configs/demo.yml").read_text(encoding="utf-8") == "edited: true\n"


def test_an_empty_folder_is_taken_and_another_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert (demo.prepare(tmp_path / "empty") / "datasets/demo/val.txt").is_file()
    (tmp_path / "work").mkdir()
    (tmp_path / "work/thesis.tex").touch()
    (tmp_path / "file").touch()
    for taken in ("work", "file"):
        with pytest.raises(ConfigError, match="choose another --out"):
            demo.prepare(tmp_path / taken)
    assert os.listdir(tmp_path / "work") == ["thesis.tex"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write to: /proc")
def test_where_the_current_folder_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir("/proc/self")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = demo.prepare(None)
    assert folder.parent.parent == tmp_path
    assert folder.parent.stat().st_mode & 0o077 == 0
    assert (folder / "configs/demo.yml").is_file()
    assert "the current folder cannot be written" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write to: /proc")
def test_a_folder_that_was_asked_for_is_not_replaced_by_another() -> None:
    with pytest.raises(RecordError, match="/proc/self/demo: cannot be written"):
        demo.prepare(Path("/proc/self/demo"))


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(RecordError, match="No space left"):
        demo.prepare(tmp_path / "demo")
    assert os.listdir(tmp_path) == []


def test_an_installation_without_the_files_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.__file__", str(tmp_path / "site/harness/__init__.py"))
    with pytest.raises(RecordError, match="no demo files"):
        demo.prepare(tmp_path / "demo")
