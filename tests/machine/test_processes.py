"""Other programs, run to their end."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from harness.machine.processes import interrupted_by_sigterm, run_to_end
from tests.conftest import PROJECT, harness_environment


def python(code: str, **more: object) -> list[str]:
    return [sys.executable, "-c", code]


def test_what_it_wrote_and_how_it_ended() -> None:
    ended = run_to_end(python("import sys; print(input()); print('no', file=sys.stderr); sys.exit(3)"), given="yes\n")
    assert (ended.code, ended.out, ended.err) == (3, "yes\n", "no\n")
    assert (ended.how, ended.last_words) == ("ended with exit code 3", "no")
    killed = run_to_end(python("import os; os.kill(os.getpid(), 9)"))
    assert (killed.code, killed.how) == (-9, "ended by signal 9")


def test_after_its_time_nothing_of_it_is_left(tmp_path: Path) -> None:
    """What the program itself started is ended, too: otherwise it would hold the pipe open."""
    os.mkfifo(tmp_path / "pipe")
    inner = f"import time; held = open({str(tmp_path / 'pipe')!r}, 'w'); time.sleep(600)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        ended = run_to_end(python(code), timeout=0.7)
        assert (ended.code, ended.how) == (None, "did not end in time")
        os.set_blocking(reading, True)
        closed, _, _ = select.select([reading], [], [], 60)
        assert closed
        assert os.read(reading, 1) == b""
    finally:
        os.close(reading)


def test_one_that_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run_to_end([str(tmp_path / "none")])


@pytest.mark.skipif(os.name != "posix", reason="this system has no SIGTERM")
def test_sigterm_interrupts_a_block_as_ctrl_c_does_and_nothing_else() -> None:
    """In a process of its own: with OpenVINO loaded, a signal to this one may end it by a fault."""
    code = "from tests.machine import test_processes as here; here.sigterm_interrupts_a_block()"
    done = run_to_end(python(code), folder=PROJECT, environment=harness_environment())
    assert done.code == 0, done.err


def sigterm_interrupts_a_block() -> None:
    def ended() -> None:
        with interrupted_by_sigterm():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        ended()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    own = signal.signal(signal.SIGTERM, lambda number, frame: None)
    try:
        with interrupted_by_sigterm():  # who handles it already goes on to
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, own)
    thread = threading.Thread(target=lambda: interrupted_by_sigterm().__enter__())
    thread.start()  # where no signal can be handled
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
