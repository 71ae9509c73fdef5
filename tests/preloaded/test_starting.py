"""A preloaded process is one of its own: exit code, streams, folder, environment, signals, and what it starts."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import harness_environment, run_harness, run_harness_afresh
from tests.preloaded.starting import server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yml").write_text("nonsense: true\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("arguments", [("--help",), ("config", "check", "config.yml"), ("nonsense",), ()])
def test_it_says_and_ends_as_a_fresh_one(folder: Path, arguments: tuple[str, ...]) -> None:
    forked = run_harness(*arguments, cwd=folder, COLUMNS="60")
    fresh = run_harness_afresh(*arguments, cwd=folder, COLUMNS="60")
    assert (forked.returncode, forked.stdout, forked.stderr) == (fresh.returncode, fresh.stdout, fresh.stderr)


def test_a_signal_ends_it(folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    process = server().start(["config", "check", "fifo"], cwd=folder, env=harness_environment())
    assert process.poll() is None
    assert os.getsid(process.pid) == process.pid
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    assert process.communicate() == ("", "")


def through_the_program(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the program that stands for the interpreter."""
    return subprocess.Popen(
        [server().python, *arguments],
        cwd=folder,
        env=harness_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def test_the_program_for_shells(folder: Path) -> None:
    stdout, stderr = through_the_program(folder, "-m", "harness", "config", "check", "config.yml").communicate()
    fresh = run_harness_afresh("config", "check", "config.yml", cwd=folder)
    assert (stdout, stderr) == (fresh.stdout, fresh.stderr)
    other = through_the_program(folder, "-c", "import sys; print(sys.executable); sys.exit(7)")
    stdout, _ = other.communicate()
    assert other.returncode == 7
    assert stdout.strip() != str(server().python)


def test_what_it_runs_ends_with_the_program(folder: Path) -> None:
    """A pipe that the preloaded process holds is closed once it is gone."""
    os.mkfifo(folder / "fifo")
    program = through_the_program(folder, "-m", "harness", "config", "check", "fifo")
    program.kill()
    assert program.communicate(timeout=60) == ("", "")
    assert program.returncode == -signal.SIGKILL
