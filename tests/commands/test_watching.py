"""`harness validate --watch`: what counts as a change, what is waited for, and how it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.cli import main
from harness.commands import watching
from harness.errors import EXIT_INTERRUPTED, EXIT_USAGE, ConfigError

POLL = 0.05


class Validations:
    """Stands in the place of the validations: notes them, does what ``acts`` says, and ends the watching after all."""

    def __init__(self, *acts: Any) -> None:
        self.acts = list(acts)
        self.count = 0

    def __call__(self, arguments: Any) -> int:
        self.count += 1
        if not self.acts:
            raise KeyboardInterrupt
        self.acts.pop(0)()
        return 0


def later(act: Any) -> Any:
    """Do something while the watching waits, and not while a validation runs."""
    return lambda: threading.Timer(2 * POLL, act).start()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(watching, "settled", lambda *args, settle=watching.settled: settle(*args, poll_seconds=POLL))

    def until_interrupted(folder: Path, *acts: Any, own: frozenset[Path] = frozenset()) -> int:
        validations = Validations(*acts)
        monkeypatch.setattr(watching, "_validate", validations)
        with pytest.raises(KeyboardInterrupt):
            watching.watch(folder, [], own)
        return validations.count

    return until_interrupted


def test_a_changed_a_new_and_a_removed_file_are_changes(tmp_path: Path, run: Any) -> None:
    model, other = tmp_path / "a.xml", tmp_path / "below/b.bin"
    model.write_bytes(b"1")
    other.parent.mkdir()
    acts = [later(lambda: model.write_bytes(b"22")), later(lambda: other.write_bytes(b"3")), later(other.unlink)]
    assert run(tmp_path, *acts) == 4


def test_a_change_while_a_validation_runs_is_not_lost(tmp_path: Path, run: Any) -> None:
    model = tmp_path / "a.xml"
    model.write_bytes(b"1")
    assert run(tmp_path, lambda: model.write_bytes(b"22")) == 2


def test_what_a_validation_writes_itself_is_no_change(tmp_path: Path, run: Any) -> None:
    model, made, report = tmp_path / "original.pb", tmp_path / "a.xml", tmp_path / "reports/x/run.json"
    model.write_bytes(b"1")
    report.parent.mkdir(parents=True)
    turn = [0]

    def writes() -> None:
        turn[0] += 1
        made.write_bytes(b"x" * turn[0])
        report.write_bytes(b"y" * turn[0])
        if turn[0] == 1:
            later(lambda: model.write_bytes(b"22"))()

    own = frozenset({made.absolute().with_suffix(""), (tmp_path / "reports").absolute()})
    started = time.monotonic()
    assert run(tmp_path, writes, own=own) == 2  # the second came from the model, not from what was written
    assert time.monotonic() - started >= 2 * POLL


def test_a_file_is_waited_for_until_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "a.xml"
    model.write_bytes(b"old")
    known = watching.snapshot(tmp_path)
    written = model.open("wb", buffering=0)
    parts = [b"part "] * 12

    def pause(seconds: float) -> None:  # something is written between each look and the next, until it is whole
        assert seconds == POLL
        if parts:
            written.write(parts.pop())

    monkeypatch.setattr(watching, "time", SimpleNamespace(sleep=pause))
    with written:
        assert watching.settled(tmp_path, known, poll_seconds=POLL)[model][0] == 60


@pytest.mark.parametrize("how", ["moved over it", "copied into it"])
def test_another_file_of_the_same_size_and_date_is_a_change(how: str, tmp_path: Path) -> None:
    """Neither size nor time of change tells them apart: `mv` makes another inode, `cp -p` another time of status."""
    model, other = tmp_path / "models/a.xml", tmp_path / "other.xml"
    model.parent.mkdir()
    model.write_bytes(b"old")
    other.write_bytes(b"new")
    date = model.stat().st_mtime_ns
    before = watching.snapshot(model.parent)
    if how == "moved over it":
        os.utime(other, ns=(date, date))
        other.rename(model)
    else:
        while time.time_ns() <= date + 50_000_000:  # the clock of a file system ticks in steps
            time.sleep(0.01)
        shutil.copyfile(other, model)
        os.utime(model, ns=(date, date))
    after = watching.snapshot(model.parent)
    assert (model.stat().st_size, model.stat().st_mtime_ns) == (3, date)
    assert before != after


def test_an_empty_file_is_not_yet_there(tmp_path: Path) -> None:
    model = tmp_path / "a.xml"
    model.touch()
    threading.Timer(6 * POLL, lambda: model.write_bytes(b"now")).start()
    assert watching.settled(tmp_path, {}, poll_seconds=POLL)[model][0] == 3


def test_hidden_and_temporary_files_are_left_out(tmp_path: Path) -> None:
    (tmp_path / ".a.xml.tmp").touch()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/x").touch()
    (tmp_path / "circle").symlink_to(tmp_path)
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    assert watching.snapshot(tmp_path) == {}


@pytest.mark.parametrize("option", [["--out", "x"], ["--resume"], ["--json"]])
def test_what_does_not_go_with_it(option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "x.yml", "--watch", str(tmp_path), *option]) == EXIT_USAGE
    assert f"leave out {option[0]}" in capsys.readouterr().err


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        watching.watch(tmp_path / "a", [])


def test_ctrl_c_ends_it_with_130(tmp_path: Path, fake_config: Path) -> None:
    command = [sys.executable, "-m", "harness", "validate", str(fake_config), "--watch", str(tmp_path)]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "watching" in line:
            os.kill(process.pid, signal.SIGINT)
            break
    _, rest = process.communicate(timeout=30)
    assert process.returncode == EXIT_INTERRUPTED, (lines, rest)
    assert "exit code 2; watching" in "".join(lines)  # there are no such files, and that ends nothing
    assert "Traceback" not in rest


@pytest.fixture
def fake_config(tmp_path: Path) -> Path:
    """Return a configuration that is sound and names files that are not there."""
    file = tmp_path / "config.yml"
    file.write_text(
        "version: 1\nname: x\ndataset: {path: images, preprocess: {size: 8}}\n"
        "reference: {id: tf, backend: tensorflow, model: a.pb, input: {color: RGB}}\n"
        "candidates: [{id: ir, model: a.xml, input: {color: RGB}}]\n",
        encoding="utf-8",
    )
    return file


@pytest.mark.parametrize("given", [["--watch", "m", "c.yml", "--limit", "3"], ["c.yml", "--watch=m", "--limit", "3"]])
def test_every_validation_gets_the_other_arguments(given: list[str]) -> None:
    assert watching._without_watch(given) == ["c.yml", "--limit", "3"]
