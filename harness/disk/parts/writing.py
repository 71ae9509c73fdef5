"""Writing a file of parts in one pass: what is added is on the disk at once, and nothing is kept in memory."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from harness.disk.atomic import replacing
from harness.disk.parts.layout import DTYPES, HEAD, TAIL, PartsKind

_SHORT = {np.dtype(kind): name for name, kind in DTYPES.items()}


@dataclass
class PartsWriter:
    """Writes parts in their order; what is added is on the disk at once, and nothing is kept in memory."""

    _stream: IO[bytes]
    _index: list[dict[str, Any]] = field(default_factory=list)

    def add_json(self, name: str, value: Any) -> None:
        """Add JSON values."""
        self._add(name, json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass"), {})

    def add_bytes(self, name: str, data: bytes) -> None:
        """Add bytes."""
        self._add(name, data, {})

    def add_array(self, name: str, array: NDArray[Any]) -> None:
        """Add an array of one of the DTYPES."""
        whole = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        shape = {"dtype": _SHORT[array.dtype], "shape": list(array.shape)}
        self._add(name, whole.reshape(-1).view(np.uint8).data, shape)

    def _add(self, name: str, data: bytes | memoryview, more: Mapping[str, Any]) -> None:
        self._stream.write(data)
        self._index.append({"name": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), **more})

    def end(self, head: bytes, kind: PartsKind) -> bytes:
        """Return what follows the parts: the index and the tail. ``head``: the file's first bytes."""
        index = json.dumps({"parts": self._index}).encode()
        return index + TAIL.pack(len(index), hashlib.sha256(head + index).digest(), kind.magic)


@contextlib.contextmanager
def writing_parts(path: Path, kind: PartsKind) -> Iterator[PartsWriter]:
    """Write such a file: a reader sees the whole one or none, and an error leaves none. Raises RecordError."""
    with replacing(path, named_by="") as stream:
        head = HEAD.pack(kind.magic, kind.newest)
        stream.write(head)
        writer = PartsWriter(stream)
        yield writer
        stream.write(writer.end(head, kind))
