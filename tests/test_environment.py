"""Surroundings that containers and schedulers have: no home, no temporary folder, no streams, little memory."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import PROJECT, Tiny, harness_environment, write_config, write_images

# A user id that no file of users knows, without HOME; `pwd` is asked by whoever looks for a home.
NO_USER = """
import os, pwd, sys
for name in ("HOME", "HARNESS_CACHE", "USER", "LOGNAME", "XDG_CACHE_HOME"):
    os.environ.pop(name, None)
def unknown(uid):
    raise KeyError(f"getpwuid(): uid not found: {uid}")
pwd.getpwuid = unknown
from harness.cli import main
sys.exit(main(sys.argv[1:]))
"""
NO_TEMPORARY_FOLDER = """
import sys, tempfile
tempfile._candidate_tempdir_list = lambda: ["/nonexistent"]
from harness.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def config(tiny: Tiny, tmp_path: Path) -> Path:
    write_images(tmp_path / "images", 12)

    def change(data: dict[str, object]) -> None:
        del data["cache"]

    return write_config(tmp_path, tiny, change)


def run(code: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=cwd,
        env=harness_environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_an_unknown_user_without_a_home(config: Path, tmp_path: Path) -> None:
    done = run(NO_USER, "validate", config, "--out", tmp_path / "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    warnings = json.loads((tmp_path / "run" / "run.json").read_text())["warnings"]
    assert "the cache is not used: this user has no home folder for it; set HARNESS_CACHE or `cache.folder`" in warnings
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("command", ["validate", "selftest"])
def test_no_folder_for_temporary_files(config: Path, tmp_path: Path, command: str) -> None:
    done = run(NO_TEMPORARY_FOLDER, command, config, cwd=tmp_path)
    assert done.returncode == 3
    assert "no writable folder for temporary files; set TMPDIR to one" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_address_space_costs_the_page_and_not_the_verdict(config: Path, tmp_path: Path) -> None:
    """Drawing charts reserves more address space than there is, and ends by a signal."""
    limit = 12 * 2**30

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    done = subprocess.run(
        [sys.executable, "-m", "harness", "validate", str(config), "--out", str(tmp_path / "run")],
        cwd=tmp_path,
        env=harness_environment(),
        capture_output=True,
        encoding="utf-8",
        preexec_fn=limited,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "PASS (exit 0)" in done.stdout
    assert (tmp_path / "run" / "junit.xml").exists()
    if not (tmp_path / "run" / "report.html").exists():
        assert "report.html was not written" in done.stderr


@pytest.mark.parametrize(("limit", "value"), [("RLIMIT_AS", 4 * 2**30), ("RLIMIT_NOFILE", 8), ("RLIMIT_NOFILE", 16)])
def test_charts_that_cannot_be_drawn_are_one_message(tmp_path: Path, limit: str, value: int) -> None:
    """Vega's V8 ends its process by a signal, or raises what is no Exception."""
    run_folder = tmp_path / "run"
    shutil.copytree(PROJECT / "tests" / "report" / "fixtures" / "schema-1", run_folder)

    def limited() -> None:
        resource.setrlimit(getattr(resource, limit), (value, value))

    done = subprocess.run(
        [sys.executable, "-m", "harness", "report", str(run_folder)],
        env=harness_environment(),
        capture_output=True,
        encoding="utf-8",
        preexec_fn=limited,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    # A panic of vl-convert's part in Rust prints its own lines, from its own thread: before or after.
    own = [line for line in done.stderr.splitlines() if line.startswith("harness: ")]
    charts, files = "the charts of report.html cannot be drawn", "the system refused the operation: Too many open files"
    assert len(own) == 1, done.stderr
    assert own[0].startswith((f"harness: {charts}", f"harness: {files}"))
    assert "Traceback" not in done.stderr


def test_help_on_a_full_disk_is_one_message() -> None:
    for arguments in (["--help"], ["validate", "--help"], ["--version"]):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "harness", *arguments],
                env=harness_environment(),
                stdout=full,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                check=False,
            )
        assert done.returncode == 3
        assert done.stderr == "harness: output cannot be written: No space left on device; free some space\n"


def test_a_page_that_cannot_be_drawn_is_said(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.commands import validate

    def killed(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], -signal.SIGABRT, "", "")

    monkeypatch.setattr(subprocess, "run", killed)
    assert validate._page(tmp_path) == []
    assert "report.html was not written (signal 6); the verdict stands. Try `harness report" in capsys.readouterr().err


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_streams(closed: tuple[int, ...], tmp_path: Path) -> None:
    def close() -> None:
        for number in closed:
            os.close(number)

    done = subprocess.run(
        [sys.executable, "-m", "harness", "config", "schema"],
        cwd=PROJECT,
        env=harness_environment(),
        preexec_fn=close,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_full_stderr_changes_no_verdict(config: Path, tmp_path: Path) -> None:
    """/dev/full takes nothing: neither progress, nor a message, nor what the interpreter says at its end."""
    for arguments, code in ((["validate", config, "--out", tmp_path / "run"], 0), (["validate", "none.yml"], 2)):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "harness", *map(str, arguments)],
                cwd=tmp_path,
                env=harness_environment(),
                stdout=subprocess.PIPE,
                stderr=full,
                encoding="utf-8",
                check=False,
            )
        assert done.returncode == code
        assert ("PASS (exit 0)" in done.stdout) == (code == 0)


def test_a_read_only_file_system_is_one_message(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import errno

    from harness.cli import main
    from harness.engine import session

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", "/reports")

    monkeypatch.setattr(session, "prepare_models", read_only)
    assert main(["validate", str(config), "--out", str(tmp_path / "run")]) == 3
    assert capsys.readouterr().err.endswith(
        "harness: the system refused the operation: Read-only file system: /reports\n"
    )


def raising(error: Exception) -> Callable[..., None]:
    def call(*_: object, **__: object) -> None:
        raise error

    return call


def test_too_little_memory_is_one_message(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from harness.cli import main
    from harness.engine import session

    monkeypatch.setattr(session, "prepare_models", raising(MemoryError()))
    assert main(["validate", str(config), "--out", str(tmp_path / "run")]) == 3
    assert "not enough memory" in capsys.readouterr().err


def test_resume_takes_the_run_that_was_interrupted(config: Path, tmp_path: Path) -> None:
    from harness import load_config, validate
    from harness.engine.run import Options
    from harness.record import read_record

    loaded = load_config(config)
    first = validate(loaded, Options(reports=tmp_path / "reports", quiet=True)).stored_in
    interrupted = first.with_name("0-interrupted")
    first.rename(interrupted)
    text = (interrupted / "run.json").read_text()
    (interrupted / "run.json").write_text(text.replace('"status": "complete"', '"status": "incomplete"'))
    last = validate(loaded, Options(reports=tmp_path / "reports", quiet=True)).stored_in
    again = validate(loaded, Options(reports=tmp_path / "reports", quiet=True, resume=True)).stored_in
    assert (again, last > again) == (interrupted, True)
    assert read_record(interrupted).status == "complete"
    assert validate(loaded, Options(reports=tmp_path / "reports", quiet=True, resume=True)).stored_in == last


@pytest.mark.parametrize("command", ["convert", "validate"])
def test_a_current_folder_that_is_gone(config: Path, tmp_path: Path, command: str) -> None:
    """All paths are absolute, so a command may do without; what needs the folder says so."""
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", sys.executable, "-m", "harness", command, str(config)],
        cwd=gone,
        env=harness_environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode in (0, 2, 3), done.stderr
    assert "Traceback" not in done.stderr


def test_what_needs_the_current_folder_says_that_it_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.cli import main
    from harness.commands import convert

    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setattr(convert, "run", lambda _: Path("x").absolute())
    try:
        assert main(["convert", "/c.yml"]) == 3
    finally:
        os.chdir(tmp_path)
    assert capsys.readouterr().err == "harness: the current folder no longer exists; change to another folder\n"


def test_tensorflow_without_proc_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the process by a signal there."""
    from harness.backends.tensorflow import framework
    from harness.errors import ModelError

    monkeypatch.setattr(framework, "_PROC", "/nonexistent")
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(ModelError, match="without which TensorFlow does not run; mount /proc"):
        framework.import_tensorflow()
