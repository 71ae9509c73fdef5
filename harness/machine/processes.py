"""Other programs, run to their end: with a time limit, and nothing of them left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import harness
from harness.machine.parent import with_parent


@dataclass(frozen=True)
class Ended:
    """How a program ended. ``code``: its exit code, minus the signal that ended it; None: not within the time."""

    code: int | None
    out: str
    err: str

    @property
    def how(self) -> str:
        """A description of the end."""
        if self.code is None:
            return "did not end in time"
        return f"ended by signal {-self.code}" if self.code < 0 else f"ended with exit code {self.code}"

    @property
    def last_words(self) -> str:
        """The last line that it wrote, of its messages where there are any."""
        lines = [line.strip() for line in (self.err.strip() or self.out.strip()).splitlines()]
        return lines[-1] if lines else "it printed nothing"


class Terminated(KeyboardInterrupt):
    """SIGTERM, by which batch systems and containers ask a process to end."""


@contextlib.contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Let SIGTERM interrupt the block as Ctrl-C does, for a process whose children would be left behind by its death.

    Only in the main thread, which alone gets signals, and if it has no other handler.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def interrupt(number: int, frame: object) -> None:  # noqa: ARG001
        raise Terminated

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def run_to_end(
    command: Sequence[str],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
    given: str = "",
) -> Ended:
    """Run a program and return what it wrote. ``given``: what it reads; ``timeout``: seconds.

    It has a process group of its own where there are any: what it started is ended with it after the time, or when this
    process is interrupted. Raises OSError if it cannot be started.
    """
    groups = hasattr(os, "killpg")
    child = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=groups,
    )
    code: int | None = None
    try:
        out, err = child.communicate(given, timeout)
        code = child.returncode
    except subprocess.TimeoutExpired:
        out, err = _kill(child, groups=groups)
    except BaseException:
        _kill(child, groups=groups)
        raise
    return Ended(code, out, err)


def _kill(child: subprocess.Popen[str], *, groups: bool) -> tuple[str, str]:
    if groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    child.kill()
    return child.communicate()


def own_variables() -> dict[str, str]:
    """Return the variables for a process of the harness that this one starts.

    It finds this one's packages, wherever it is started, and ends with this one.
    """
    folder, before = str(Path(harness.__file__).parent.parent), os.environ.get("PYTHONPATH")
    return with_parent({**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [folder, before]))})
