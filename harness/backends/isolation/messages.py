"""Messages between a backend in a separate process and its caller.

A 4-byte length, a JSON header, and as many raw bytes as the header says. Nothing is ever unpickled.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from typing import IO, Any

from harness.backends.base import ModelSpec
from harness.config import Input

_LARGEST_HEADER = 1 << 20


def send(stream: IO[bytes], header: dict[str, Any], payload: bytes = b"") -> None:
    """Write one message; ``payload`` are its raw bytes."""
    text = json.dumps({**header, "bytes": len(payload)}).encode()
    stream.write(struct.pack("<I", len(text)) + text)
    stream.write(payload)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], bytearray]:
    """Read one message. Raises EOFError if the other end is gone."""
    (length,) = struct.unpack("<I", _exactly(stream, 4))
    if length > _LARGEST_HEADER:
        raise EOFError("not a message of the harness")
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
    size = plain["size"]
    size = size if isinstance(size, int) else tuple(size)
    return ModelSpec(**{**plain, "input": Input.model_validate(plain["input"]), "size": size})


def spec_to_json(spec: ModelSpec) -> dict[str, Any]:
    """Return a model's specification as JSON values."""
    plain = {field.name: getattr(spec, field.name) for field in dataclasses.fields(spec)}
    return {**plain, "input": spec.input.model_dump(mode="json")}
