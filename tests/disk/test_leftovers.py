from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import harness
from harness.disk import leftovers
from harness.disk.leftovers import (
    other_programs_temporary,
    remove_temporary_files,
    temporary_folder,
    work_folder,
)

DAY = 24 * 3600


def ended_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def old(path: Path) -> None:
    os.utime(path, (time.time() - 2 * DAY,) * 2)


def test_folders_of_processes_that_are_no_more_are_removed_and_no_others(tmp_path: Path) -> None:
    gone = tmp_path / f".convert-{ended_process()}-abcdefgh"
    aged = tmp_path / ".convert-abcdefgh"  # as earlier versions called them
    stay = [
        tmp_path / f".convert-{os.getpid()}-abcdefgh",
        tmp_path / ".convert-12",
        tmp_path / ".convert-users-own",
        tmp_path / ".unpack-abcdefgh",
        tmp_path / "convert",
    ]
    for folder in (gone, aged, *stay):
        folder.mkdir()
        (folder / "file").touch()
    old(aged)
    link = tmp_path / f".convert-{ended_process()}-linklink"
    link.symlink_to(stay[-1])
    with work_folder(tmp_path, "convert") as made:
        assert made.parent == tmp_path
        assert made.is_dir()
    assert sorted(tmp_path.iterdir()) == sorted([*stay, link])
    assert all((folder / "file").exists() for folder in stay)


def test_a_killed_process_leaves_nothing_for_long(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from harness.disk.leftovers import work_folder\n"
        f"with work_folder(Path({str(tmp_path)!r}), 'convert'):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with work_folder(tmp_path, "convert"):
        assert len(list(tmp_path.iterdir())) == 1
    assert not list(tmp_path.iterdir())


def test_a_folder_in_use_stays_whatever_its_process_is_called(tmp_path: Path) -> None:
    """In another container the same folder may be in work, by a process whose number is none here."""
    with work_folder(tmp_path, "convert") as made:
        elsewhere = made.rename(tmp_path / f".convert-{ended_process()}-abcdefgh")
        old(elsewhere)
        with work_folder(tmp_path, "convert") as other:
            assert sorted(tmp_path.iterdir()) == sorted([elsewhere, other])
    assert list(tmp_path.iterdir()) == [elsewhere]
    with work_folder(tmp_path, "convert"):
        assert not elsewhere.exists()


def test_temporary_files_of_killed_downloads(tmp_path: Path) -> None:
    empty, aged, fresh, named = (
        tmp_path / name for name in ("tmpabcdefgh", "tmp_bcdefg1", "tmpabcdefg2", "tmpnotes.txt")
    )
    empty.touch()
    named.touch()
    for path in (aged, fresh):
        path.write_bytes(b"x")
    old(aged)
    remove_temporary_files(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([fresh, named])


def test_a_temporary_folder_of_a_killed_process_goes_with_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f".convert-{ended_process()}-abcdefgh"
    left.mkdir()
    with temporary_folder("convert") as folder:
        assert folder.parent == tmp_path
        assert list(tmp_path.iterdir()) == [folder]
    assert not list(tmp_path.iterdir())


def test_a_folder_of_an_earlier_process_of_the_same_number_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container, every run may be process 7."""
    left = tmp_path / f".convert-{os.getpid()}-abcdefgh"
    left.mkdir()
    os.utime(left, (time.time() - 3600,) * 2)
    monkeypatch.setattr(leftovers, "_STARTED", time.time() - 60)
    with work_folder(tmp_path, "convert") as made:
        assert list(tmp_path.iterdir()) == [made]


def test_what_libraries_leave_lies_in_a_work_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", "/before")
    with other_programs_temporary("convert"):
        (place,) = tmp_path.iterdir()
        assert Path(tempfile.mkdtemp()).parent == place == Path(os.environ["TMPDIR"])
    assert (list(tmp_path.iterdir()), tempfile.tempdir, os.environ["TMPDIR"]) == ([], str(tmp_path), "/before")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "a-file" / "below"))
    (tmp_path / "a-file").touch()
    with other_programs_temporary("convert"):  # no place to write: a model may need none
        assert tempfile.tempdir == str(tmp_path / "a-file" / "below")


def test_a_conversion_that_is_killed_leaves_nothing_of_its_converter(tmp_path: Path) -> None:
    """TensorFlow's converter to LiteRT makes a folder by itself, in which it saves the whole model."""
    code = (
        "import os, signal, tempfile\n"
        "from harness.disk.leftovers import other_programs_temporary\n"
        "with other_programs_temporary('convert'):\n"
        "    tempfile.mkdtemp()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert len(list(tmp_path.rglob("*"))) == 2
    with work_folder(tmp_path, "convert"):
        assert len(list(tmp_path.iterdir())) == 1


def test_there_are_no_other_temporary_folders() -> None:
    """Python's own ones stay for ever where the process is killed."""
    sources = Path(harness.__file__).parent
    found = [path.name for path in sources.rglob("*.py") if "TemporaryDirectory(" in path.read_text(encoding="utf-8")]
    made = [path.name for path in sources.rglob("*.py") if "mkdtemp(" in path.read_text(encoding="utf-8")]
    assert (found, made) == ([], ["leftovers.py"])
