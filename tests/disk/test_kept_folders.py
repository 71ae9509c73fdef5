"""A model's folder in a cache goes as a whole, and not while a process uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.disk.kept_folders import hold, kept_folder, release_all
from tests.conftest import harness_environment


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    (made / "variables").mkdir(parents=True)
    (made / "a.pb").write_bytes(bytes(30))
    (made / "variables" / "b").write_bytes(bytes(12))
    os.utime(made, ns=(5, 7))
    return made


def test_what_is_known_of_one(folder: Path, tmp_path: Path) -> None:
    found = kept_folder(folder)
    assert found is not None
    assert (found.bytes, found.files, found.used_ns) == (42, 2, 7)
    assert kept_folder(folder / "a.pb") is None
    assert kept_folder(tmp_path / "absent") is None
    (tmp_path / "link").symlink_to(folder)
    assert kept_folder(tmp_path / "link") is None


def test_it_is_removed_as_a_whole(folder: Path) -> None:
    found = kept_folder(folder)
    assert found is not None
    assert found.remove()
    assert not folder.exists()


@pytest.mark.skipif(os.name != "posix", reason="this system does not tell who uses a folder")
def test_not_while_this_process_uses_it(folder: Path) -> None:
    hold(folder)
    hold(folder)
    found = kept_folder(folder)
    assert found is not None
    assert found.used_ns > 7
    assert not found.remove()
    release_all()
    assert found.remove()


@pytest.mark.skipif(os.name != "posix", reason="this system does not tell who uses a folder")
def test_not_while_another_process_uses_it(folder: Path) -> None:
    code = f"from pathlib import Path; from harness.disk.kept_folders import hold; hold(Path({str(folder)!r}))"
    command = [sys.executable, "-c", f"{code}; print('held', flush=True); input()"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=harness_environment(), text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        found = kept_folder(folder)
        assert found is not None
        assert not found.remove()
        assert folder.exists()
        other.communicate("\n")
    assert found.remove()
