from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from harness.disk.private import exposed, foreign, make_private

pytestmark = pytest.mark.skipif(os.name != "posix", reason="owners and modes are those of POSIX")


def test_new_folders_are_for_this_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    make_private(folder)
    make_private(folder)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)] == [0o700, 0o700]
    assert foreign(folder, tmp_path / "a") is None


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_what_others_may_write_to_is_foreign(tmp_path: Path, mode: int) -> None:
    folder, file = tmp_path / "root" / "sub", tmp_path / "root" / "sub" / "file"
    make_private(folder)
    file.touch()
    assert foreign(file, tmp_path / "root") is None
    for place in (file, folder, tmp_path / "root"):
        before = stat.S_IMODE(place.stat().st_mode)
        place.chmod(mode)
        assert "others may write" in str(foreign(file, tmp_path / "root"))
        place.chmod(before)


def test_what_another_user_owns_is_foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert "belongs to another user" in str(foreign(tmp_path / "file"))


def test_a_link_is_foreign_and_nothing_is_not(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert "is a link" in str(foreign(tmp_path / "link"))
    assert foreign(tmp_path / "missing", tmp_path) is None


@pytest.mark.parametrize(
    ("mode", "said"), [(0o700, None), (0o755, None), (0o775, "others may"), (0o777, "others may"), (0o1777, None)]
)
@pytest.mark.parametrize("linked", [True, False])
def test_others_can_put_things_into_a_folder_that_they_may_write_to(
    tmp_path: Path, mode: int, said: str | None, linked: bool
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(mode)
    if linked:
        (tmp_path / "link").symlink_to(folder)
        folder = tmp_path / "link"
    found = exposed(folder)
    assert (found is None) == (said is None)
    assert said is None or said in str(found)
    folder.chmod(0o700)


@pytest.mark.parametrize(("owner", "said"), [(0, None), (1, "another user")])
def test_the_owner_of_a_folder_can_put_things_into_it(
    tmp_path: Path, owner: int, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The administrator may do everything anyway."""
    status = tmp_path.stat()
    theirs = os.stat_result((status.st_mode, *status[1:4], owner, *status[5:]))
    monkeypatch.setattr(os, "geteuid", lambda: 5)
    monkeypatch.setattr(Path, "lstat", lambda _: theirs)
    monkeypatch.setattr(Path, "stat", lambda _: theirs)
    found = exposed(tmp_path)
    assert (found is None) == (said is None)
    assert said is None or said in str(found)


def test_a_pipe_is_foreign(tmp_path: Path) -> None:
    """A reader waits until another process writes to it."""
    os.mkfifo(tmp_path / "pipe")
    assert "is neither a file nor a folder" in str(foreign(tmp_path / "pipe"))


def test_a_missing_folder_holds_nothing(tmp_path: Path) -> None:
    assert exposed(tmp_path / "missing") is None
