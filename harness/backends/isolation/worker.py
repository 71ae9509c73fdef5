"""The other end of an isolated backend: reads requests from stdin, runs the model, and writes results to stdout.

A thread reads the requests, so that the process ends at once when the caller is gone, even while a model runs
endlessly.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from typing import IO, Any

import numpy as np

from harness.backends.isolation.messages import receive, send, spec_from_json
from harness.backends.registry import load_target
from harness.errors import HarnessError
from harness.machine.garbage import begin_own_process
from harness.machine.giving_up import end_at_once

_PATIENCE = 2.0  # seconds that a request may still take after the caller is gone


def main() -> int:
    """Serve until stdin is closed."""
    begin_own_process()
    # Ctrl-C reaches the whole process group; Python's own handler would wait for a plug-in that hangs to return.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # What plug-ins print must not end up between the answers: stdout becomes stderr, the pipe keeps its own name.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests = _Requests(sys.stdin.buffer)
    try:
        header, _ = requests.next()
        spec = spec_from_json(header["spec"])
        model = load_target(header["runner"])(spec)
        model.limited = False  # the asking process has the limit
        with model as backend:
            send(answers, {"loaded": backend.loaded.to_json()})
            while True:
                header, payload = requests.next()
                pixels = np.frombuffer(payload, np.float32 if spec.floating else np.uint8).reshape(header["shape"])
                result = np.ascontiguousarray(backend.infer(pixels), np.float32)
                latencies = backend.take_latencies()
                header = {
                    "shape": result.shape,
                    "latencies": latencies,
                    "seconds": backend.infer_seconds,
                    "loaded": backend.loaded.to_json(),
                }
                send(answers, header, result.tobytes())
    except EOFError:
        return 0
    except HarnessError as error:
        send(answers, {"error": str(error), "kind": type(error).__name__})
        return error.exit_code


class _Requests:
    """The requests, read by a thread that ends the process as soon as the caller is gone."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._read: queue.SimpleQueue[tuple[dict[str, Any], bytearray] | None] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._asked = self._given = 0
        threading.Thread(target=self._forward, daemon=True).start()

    def next(self) -> tuple[dict[str, Any], bytearray]:
        """Return the next request. Raises EOFError if there are no more."""
        with self._changed:
            self._asked += 1
            self._changed.notify()
        found = self._read.get()
        if found is None:
            raise EOFError
        return found

    def _forward(self) -> None:
        try:
            while True:
                request = receive(self._stream)
                self._given += 1
                self._read.put(request)
        except Exception:  # noqa: BLE001  (after any error, no request follows)
            with self._changed:
                idle = self._changed.wait_for(lambda: self._asked > self._given, _PATIENCE)
            if not idle:
                os._exit(0)  # not sys.exit: the model may hold the main thread forever
            self._read.put(None)


if __name__ == "__main__":
    end_at_once(main())  # the thread that reads stdin holds its lock, which the interpreter's own end does not survive
