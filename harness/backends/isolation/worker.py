"""The other end of an isolated backend: reads requests from stdin, runs the model, answers on stdout."""

from __future__ import annotations

import os
import signal
import sys

import numpy as np

from harness.backends.isolation.messages import receive, send, spec_from_json
from harness.backends.registry import load_target
from harness.errors import HarnessError


def main() -> int:
    """Serve until stdin is closed."""
    # Ctrl-C reaches the whole process group; Python's own handler would wait for a plug-in that hangs to return.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # What plug-ins print must not end up between the answers: stdout becomes stderr, the pipe keeps a name of its own.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests = sys.stdin.buffer
    try:
        header, _ = receive(requests)
        spec = spec_from_json(header["spec"])
        with load_target(header["runner"])(spec) as backend:
            send(answers, {"loaded": backend.loaded.to_json()})
            while True:
                header, payload = receive(requests)
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


if __name__ == "__main__":
    sys.exit(main())
