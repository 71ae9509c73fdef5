"""Processes of the harness that start in a fraction of a second: forked from one that has imported the frameworks.

They are processes of their own as much as those of `python -m harness` are: they have their own session, run the same
module, and a signal ends them anywhere. Only the imports, most of a short run's time, are not repeated.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from tests.preloaded.client import ask

_CLIENT = Path(__file__).with_name("client.py")


class Process:
    """A process that a server forked; its output goes to files, and is returned by ``communicate``.

    ``server``: the process id of the server, whose children are all preloaded processes.
    """

    def __init__(
        self, server: int, address: str, module: str, arguments: Sequence[str], cwd: Path, env: dict[str, str]
    ) -> None:
        self.server = server
        self.args = [module, *arguments]
        self.returncode: int | None = None
        self._files: tuple[IO[str], IO[str]] = (_file(), _file())
        with open(os.devnull, "rb") as nothing:
            streams = [nothing.fileno(), *(file.fileno() for file in self._files)]
            self._connection = ask(address, module, list(arguments), str(cwd), env, streams)
        self._answers = b""
        self.pid = int(self._answer("pid", None))

    def _answer(self, name: str, timeout: float | None) -> int:
        """Return what the server says next. Raises TimeoutError where it says nothing in time."""
        self._connection.settimeout(timeout)
        while b"\n" not in self._answers:
            received = self._connection.recv(4096)
            assert received, "the server of preloaded processes ended"
            self._answers += received
        line, _, self._answers = self._answers.partition(b"\n")
        return int(json.loads(line)[name])

    def poll(self) -> int | None:
        """Return the exit code, -SIGNAL where a signal ended the process, None while it runs."""
        with contextlib.suppress(TimeoutError, BlockingIOError):
            self.wait(timeout=0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end. Raises TimeoutError."""
        if self.returncode is None:
            self.returncode = self._answer("code", timeout)
            self._connection.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end and return what was written to stdout and stderr. Raises TimeoutError."""
        self.wait(timeout)
        return self._read(0), self._read(1)

    def _read(self, number: int) -> str:
        file = self._files[number]
        file.seek(0)
        text = file.read()
        file.close()
        return text

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        if self.poll() is None:
            os.kill(self.pid, number)


def _file() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="utf-8", newline="")


_PYTHON = """\
#!/bin/sh
case "$1 $2" in
"-m harness" | "-m harness."*)
  if [ "$PYTHONPATH" = {path} ]; then
    shift
    exec {python} -I -S {client} {address} "$@"
  fi ;;
esac
exec {python} "$@"
"""


class Server:
    """The process that imports the frameworks once; a request waits until it has.

    ``python``: a program that stands for the interpreter, but runs the modules of the harness in preloaded processes.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="preloaded-")  # short: a socket's path has 107 bytes at most
        folder = Path(self._folder.name)
        self.address, self.python = str(folder / "socket"), folder / "python"
        words = {
            "path": environment["PYTHONPATH"],
            "python": sys.executable,
            "client": _CLIENT,
            "address": self.address,
        }
        quoted = {name: shlex.quote(str(word)) for name, word in words.items()}
        self.python.write_text(_PYTHON.format(**quoted), encoding="utf-8")
        self.python.chmod(0o755)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(self.address)
            listening.listen(64)
            number = listening.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.preloaded.server", str(number), self.python],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                pass_fds=[number],
                start_new_session=True,
            )

    def start(self, arguments: Sequence[str], *, cwd: Path, env: dict[str, str]) -> Process:
        """Start `python -m harness ARGUMENTS`."""
        return Process(self._process.pid, self.address, "harness", arguments, cwd, env)

    def end(self) -> None:
        """End the server and what it has started."""
        self._process.communicate()
        self._folder.cleanup()


@functools.cache
def server() -> Server:
    """Return this process's server, which starts at the first call and ends with this process."""
    from tests.conftest import harness_environment

    made = Server(harness_environment())
    atexit.register(made.end)
    return made
