from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from harness.disk.lock import try_lock


def test_one_at_a_time_and_no_endless_wait(tmp_path: Path) -> None:
    with try_lock(tmp_path / ".lock", 0) as first, try_lock(tmp_path / ".lock", 0.05) as second:
        assert first is None
        assert second == f"another process held {tmp_path / '.lock'} for 0.05 s"
    with try_lock(tmp_path / ".lock", 0) as again:
        assert again is None


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_the_file_is_for_this_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with try_lock(tmp_path / ".lock", 0):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / ".lock").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotImplementedError("no flock"), "does not support locks"),
        (OSError(errno.ENOLCK, "No locks available"), "cannot be locked (No locks available)"),
        (PermissionError(errno.EACCES, "Permission denied"), "cannot be locked (Permission denied)"),
    ],
)
def test_without_locks_the_block_runs_and_knows_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr(FileLock, "_acquire", refuse)
    with try_lock(tmp_path / ".lock", 0) as fault:
        assert reason in str(fault)


def test_an_error_of_the_block_is_its_own_and_frees_the_lock(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="of the block"), try_lock(tmp_path / ".lock", 0):
        raise OSError("of the block")
    with try_lock(tmp_path / ".lock", 0) as fault:
        assert fault is None
