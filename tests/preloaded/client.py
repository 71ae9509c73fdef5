"""Ask the server for a process; as a program it stands for `python -m`.

`python -I -S client.py SOCKET MODULE ARGUMENTS` passes SIGINT and SIGTERM on, and ends as the process did.
Only the standard library is imported, and little of it, since this starts often.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path


def ask(
    address: str, module: str, arguments: list[str], cwd: str, environment: dict[str, str], streams: list[int]
) -> socket.socket:
    """Return the connection on which the server tells first the process id, then the exit code."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(address)
    request = {"cwd": cwd, "environment": environment, "arguments": [module, *arguments]}
    text = json.dumps(request).encode()
    connection.sendall(len(text).to_bytes(4, "big"))
    socket.send_fds(connection, [text[:1]], streams)
    connection.sendall(text[1:])
    return connection


def main(address: str, module: str, *arguments: str) -> None:
    """Run a module in a preloaded process with this process's streams, and end as it ends."""
    with ask(address, module, list(arguments), str(Path.cwd()), dict(os.environ), [0, 1, 2]) as connection:
        answers = connection.makefile()
        process = json.loads(answers.readline())["pid"]
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda given, _: os.kill(process, given))
        code = json.loads(answers.readline())["code"]
    if code < 0:
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
