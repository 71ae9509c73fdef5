"""What killed and living writers of a file leave for each other; `tests/record/test_store.py` has the writes."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.disk import temporary_files
from harness.disk.atomic import make_folder, replacing, write_atomically
from harness.disk.temporary_files import remove_left
from harness.errors import RecordError
from tests.conftest import harness_environment

fcntl = pytest.importorskip("fcntl", reason="without locks, a temporary file stays for a day")

WRITER = """
import os, signal, sys
from pathlib import Path
from harness.disk.atomic import replacing
with replacing(Path(sys.argv[1])) as stream:
    stream.write(b"half of it")
    stream.flush()
    if sys.argv[2] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    print("writing", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _nothing_seen() -> Iterator[None]:
    temporary_files._seen.clear()
    yield
    temporary_files._seen.clear()


def killed_writer(target: Path) -> Path:
    """Let a process be killed while it writes; return the file that it left."""
    before = set(target.parent.iterdir())
    done = subprocess.run([sys.executable, "-c", WRITER, str(target), "killed"], env=harness_environment(), check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = set(target.parent.iterdir()) - before
    assert left.read_bytes() == b"half of it"
    return left


def test_the_next_write_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    other = killed_writer(tmp_path / "other.json")
    for _ in range(2):
        killed_writer(tmp_path / "run.json")
    write_atomically(tmp_path / "run.json", b"whole")
    assert sorted(tmp_path.iterdir()) == sorted([other, tmp_path / "run.json"])
    write_atomically(tmp_path / "run.json", b"again", private=True)  # a folder that is the harness's own
    assert os.listdir(tmp_path) == ["run.json"]


def test_a_write_that_fails_removes_it_too(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    left = killed_writer(tmp_path / "f")
    with pytest.raises(RecordError, match="cannot be written"):
        write_atomically(tmp_path / "f", b"x")
    assert not left.exists()


@pytest.mark.parametrize("stopped", [False, True])
def test_what_a_living_process_writes_is_left_alone(tmp_path: Path, stopped: bool) -> None:
    target = tmp_path / "f"
    command = [sys.executable, "-c", WRITER, str(target), "living"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=harness_environment()) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        (theirs,) = tmp_path.iterdir()
        os.utime(theirs, (0, 0))  # however long ago it wrote
        if stopped:
            process.send_signal(signal.SIGSTOP)
        write_atomically(target, b"mine", private=True)
        assert sorted(tmp_path.iterdir()) == sorted([theirs, target])
        process.send_signal(signal.SIGCONT)
        process.stdin.close()
        assert process.wait() == 0
    assert target.read_bytes() == b"half of it"  # who ends last is the one whose file stays
    assert os.listdir(tmp_path) == ["f"]


def test_many_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from harness.disk.atomic import write_atomically\n"
        "for number in range(300):\n"
        "    write_atomically(Path(sys.argv[1]), f'{number:06d}'.encode() * 5000)\n"
        "    data = Path(sys.argv[1]).read_bytes()\n"
        "    assert len(data) == 30000 and data == data[:6] * 5000\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "f")]
    writers = [subprocess.Popen(command, env=harness_environment(), stderr=subprocess.PIPE) for _ in range(4)]
    said = [writer.communicate()[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 4, said
    assert os.listdir(tmp_path) == ["f"]


def test_two_writes_of_one_file_in_one_process(tmp_path: Path) -> None:
    with replacing(tmp_path / "f") as outer:
        outer.write(b"outer")
        write_atomically(tmp_path / "f", b"inner")
    assert (tmp_path / "f").read_bytes() == b"outer"
    assert os.listdir(tmp_path) == ["f"]


def test_without_locks_a_file_goes_after_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = killed_writer(tmp_path / "f")
    old = tmp_path / ".f.abcdefgh.tmp"
    old.write_bytes(b"half of it")
    os.utime(old, (time.time() - 25 * 3600,) * 2)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    write_atomically(tmp_path / "f", b"x")
    assert sorted(tmp_path.iterdir()) == sorted([fresh, tmp_path / "f"])


def test_a_file_that_was_taken_for_a_leftover_before_it_was_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, first = fcntl.flock, [True]

    def flock(descriptor: int, operation: int) -> None:
        if first.pop() if first else False:
            (theirs,) = tmp_path.iterdir()
            theirs.unlink()  # another process had the lock, and removed it
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    write_atomically(tmp_path / "f", b"x")
    assert (tmp_path / "f").read_bytes() == b"x"
    assert os.listdir(tmp_path) == ["f"]


def test_what_others_called_alike_stays(tmp_path: Path) -> None:
    (tmp_path / ".f.abcdefgh.tmp").mkdir()
    (tmp_path / ".f.abcdefg2.tmp").symlink_to(tmp_path / "notes")
    os.mkfifo(tmp_path / ".f.abcdefg3.tmp")
    for name in ("notes", ".f.draft.tmp", ".f.abcdefg4.tmp~", "f.abcdefg5.tmp"):
        (tmp_path / name).write_text("somebody's own")
    before = sorted(tmp_path.iterdir())
    write_atomically(tmp_path / "f", b"x", private=True)
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "f"])


@pytest.mark.parametrize("call", ["open", "unlink", "scandir", "lstat"])
def test_what_cannot_be_removed_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    left = killed_writer(tmp_path / "f")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        remove_left(tmp_path / "f")
    assert left.exists()
    remove_left(tmp_path / "no such folder" / "f")


def test_a_folder_of_thousands_is_looked_through_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [killed_writer(tmp_path / name) for name in ("a", "b")]
    looked: list[object] = []
    real: Callable[..., object] = os.scandir

    def scandir(path: object) -> object:
        looked.append(path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(temporary_files, "_FEW", 1)
    for name in ("a", "c", "b", "a"):
        write_atomically(tmp_path / name, b"x")
    assert len(looked) == 1
    assert not any(path.exists() for path in left)


def test_on_a_full_disk_the_leftover_goes_first(small_disk: Path) -> None:
    half = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from harness.disk.atomic import replacing\n"
        "with replacing(Path(sys.argv[1])) as stream:\n"
        "    stream.write(bytes(200_000))\n"
        "    stream.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", half, str(small_disk / "f")], env=harness_environment(), check=False)
    assert [path.stat().st_size for path in small_disk.iterdir()] == [200_000]
    write_atomically(small_disk / "f", bytes(200_000))
    with pytest.raises(RecordError, match="No space left"):
        write_atomically(small_disk / "g", bytes(200_000))
    assert os.listdir(small_disk) == ["f"]


@pytest.mark.parametrize(
    "url", ["http://me:pass@host/run?sig=x", "s3://bucket/run", "GS://bucket/run", "file:///tmp/run"]
)
def test_a_url_makes_no_folders(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (Path(url), Path(url).absolute() if not url.startswith("file") else Path(url)):
        with pytest.raises(
            RecordError, match="is a URL, but results are written to local folders only; choose another"
        ):
            make_folder(path)
        with pytest.raises(RecordError, match=r"is a URL.* with --html"):
            write_atomically(path, b"x", named_by="--html")
    assert list(tmp_path.iterdir()) == []
    make_folder(tmp_path / "a:" / "b")  # a name like any other
    assert (tmp_path / "a:" / "b").is_dir()
