from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import harness
from harness.disk.leftovers import remove_temporary_files, temporary_folder, work_folder

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


def test_there_are_no_other_temporary_folders() -> None:
    """Python's own ones stay for ever where the process is killed."""
    sources = Path(harness.__file__).parent
    found = [path.name for path in sources.rglob("*.py") if "TemporaryDirectory(" in path.read_text(encoding="utf-8")]
    made = [path.name for path in sources.rglob("*.py") if "mkdtemp(" in path.read_text(encoding="utf-8")]
    assert (found, made) == ([], ["leftovers.py"])
