"""A process that has imported the frameworks, and forks one that goes on as `python -m MODULE` for each request.

`python -m tests.preloaded.server LISTENING_SOCKET PYTHON` ends, and kills what it started, once its stdin is closed.
PYTHON is `sys.executable` of the forked processes.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import warnings
from dataclasses import dataclass, field
from typing import Any

from harness.machine.parent import VARIABLE

# No thread or session of a framework is started by importing it, so that a fork is safe.
PRELOADED = (
    "tensorflow",
    "openvino",
    "pyarrow.parquet",
    "scipy.special",
    "rich.console",
    "tqdm",
    "harness.cli",
    "harness.engine.session",
    "harness.backends.tensorflow.runner",
    "harness.backends.openvino.runner",
    "harness.commands.validate",
    "harness.diagnosis.quick",
    "harness.judging.self_check",
    "harness.judging.table_check",
    "harness.report.html.report_page",
    "harness.report.render",
    "harness.report.terminal",
)


@dataclass
class Served:
    """The processes of this server by the file descriptors that tell of their end, and the connections to report on."""

    listening: socket.socket
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    connections: dict[int, socket.socket] = field(default_factory=dict)  # by process id


def main(listening: int) -> None:
    """Serve until stdin is closed. Returns in each forked process, which then becomes what was asked for."""
    alive = os.dup(0)
    served = Served(socket.socket(fileno=listening))
    served.selector.register(served.listening, selectors.EVENT_READ, ("request", 0))
    served.selector.register(alive, selectors.EVENT_READ, ("end", 0))
    while True:
        for key, _ in served.selector.select():
            what, process = key.data
            if what == "end":
                for each in served.connections:
                    _kill(each)
                os._exit(0)
            elif what == "ended":
                _ended(served, key.fd, process)
            elif what == "caller gone" and process in served.connections:
                served.selector.unregister(key.fileobj)
                _kill(process)
            elif what == "request" and _forked(served):
                os.close(alive)
                return


def _kill(process: int) -> None:
    for kill in (os.killpg, os.kill):  # it may have no group of its own yet
        with contextlib.suppress(ProcessLookupError):
            kill(process, signal.SIGKILL)


def _ended(served: Served, watched: int, process: int) -> None:
    """Report how a process ended."""
    served.selector.unregister(watched)
    os.close(watched)
    _, status = os.waitpid(process, 0)
    connection = served.connections.pop(process)
    with contextlib.suppress(KeyError):
        served.selector.unregister(connection)
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps({"code": os.waitstatus_to_exitcode(status)}).encode() + b"\n")
    connection.close()


def _forked(served: Served) -> bool:
    """Start what the next caller asks for; return True in the new process."""
    connection, _ = served.listening.accept()
    size = int.from_bytes(connection.recv(4, socket.MSG_WAITALL), "big")
    text, streams, _, _ = socket.recv_fds(connection, 1, 3)
    text += connection.recv(size - 1, socket.MSG_WAITALL)
    process = os.fork()
    if process == 0:
        served.listening.close()
        served.selector.close()
        for each in served.connections.values():
            each.close()
        _become(json.loads(text), streams)
        connection.sendall(json.dumps({"pid": os.getpid()}).encode() + b"\n")  # now its group can be killed
        connection.close()
        return True
    for stream in streams:
        os.close(stream)
    served.connections[process] = connection
    served.selector.register(os.pidfd_open(process), selectors.EVENT_READ, ("ended", process))
    served.selector.register(connection, selectors.EVENT_READ, ("caller gone", process))
    return False


def _become(request: dict[str, Any], streams: list[int]) -> None:
    """Take folder, environment, streams and arguments of the caller, in a session of its own."""
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        before = getattr(sys, name)  # knows whether its file can be sought
        made = open(  # noqa: SIM115
            number, "w" if number else "r", encoding=before.encoding, errors=before.errors, closefd=False
        )
        setattr(sys, name, made)
        setattr(sys, f"__{name}__", made)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    os.environ.pop(VARIABLE, None)  # its parent is this server, which ends it when its caller has gone
    sys.executable = sys.argv[2]  # what it starts in turn is preloaded, too
    sys.argv[:] = request["arguments"]
    sys.path[0] = request["cwd"]


def _end_as(module: str) -> None:
    """Run a module as `python -m` does, and end without taking down what was imported, which takes a second."""
    code: object = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001  (as the interpreter does)
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for each in PRELOADED:
            with contextlib.suppress(ImportError):
                importlib.import_module(each)
    gc.freeze()  # a collection in a forked process would copy all pages
    main(int(sys.argv[1]))
    _end_as(sys.argv[0])
