"""The other end of an isolated backend: reads requests from stdin, runs the model, answers on stdout.

Messages are a 4-byte length, a JSON header, and as many raw bytes as the header says. Nothing is ever unpickled.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import struct
import sys
from typing import IO, Any

import numpy as np

from harness.backends.base import ModelSpec
from harness.backends.opening import open_backend
from harness.config import Input
from harness.errors import HarnessError

_LARGEST_HEADER = 1 << 20


def send(stream: IO[bytes], header: dict[str, Any], payload: bytes = b"") -> None:
    """Write one message; ``payload`` are its raw bytes."""
    text = json.dumps({**header, "bytes": len(payload)}).encode()
    stream.write(struct.pack("<I", len(text)) + text)
    stream.write(payload)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], bytearray]:
    """Read one message. Raises EOFError where the other end is gone."""
    (length,) = struct.unpack("<I", _exactly(stream, 4))
    if length > _LARGEST_HEADER:
        raise EOFError("no message of ours")
    header: dict[str, Any] = json.loads(bytes(_exactly(stream, length)))
    return header, _exactly(stream, int(header["bytes"]))


def _exactly(stream: IO[bytes], count: int) -> bytearray:
    data = bytearray(count)
    view, done = memoryview(data), 0
    while done < count:
        read = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not read:
            raise EOFError("the other end closed the pipe")
        done += read
    return data


def spec_from_json(plain: dict[str, Any]) -> ModelSpec:
    """Return the model's specification from its JSON form."""
    return ModelSpec(**{**plain, "input": Input.model_validate(plain["input"])})


def spec_to_json(spec: ModelSpec) -> dict[str, Any]:
    """Return a model's specification as JSON values."""
    plain = {field.name: getattr(spec, field.name) for field in dataclasses.fields(spec)}
    return {**plain, "input": spec.input.model_dump(mode="json")}


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
        with open_backend(header["backend"], spec_from_json(header["spec"])) as backend:
            send(answers, {"loaded": backend.loaded.to_json()})
            while True:
                header, payload = receive(requests)
                pixels = np.frombuffer(payload, np.uint8).reshape(header["shape"])
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
