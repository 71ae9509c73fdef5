"""One file of named parts, each with its size and sha256: written in one pass, checked whole before any of it is used.

::

    magic (16 bytes), version (4)
    the parts, one after the other
    the index as JSON: name, sha256, bytes, and for arrays dtype and shape; in the order of the parts
    length of the index (8), its sha256 (32), magic (16)

Numbers are little-endian. Nothing is compressed, no part is a path, and where a part lies follows from the sizes before
it: there is nothing to unpack beyond a folder, nothing that grows when it is read, and no two parts overlap.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import stat
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from harness.disk.atomic import replacing
from harness.disk.versioned_json import parse_json
from harness.errors import HarnessError
from harness.text import printable

_HEAD = struct.Struct("<16sI")
_TAIL = struct.Struct("<Q32s16s")
_LARGEST_INDEX = 1 << 26  # bytes
_LARGEST_JSON = 1 << 26  # bytes of one part that is read as JSON
_MOST_PARTS = 100_000
_NAME = re.compile(r"[a-z0-9_]+(?:/[a-z0-9_]+)*")
_BLOCK = 1 << 20
DTYPES: Mapping[str, type[np.generic]] = {"u1": np.uint8, "i4": np.int32, "i8": np.int64, "f4": np.float32}
_SHORT = {np.dtype(kind): name for name, kind in DTYPES.items()}


@dataclass(frozen=True)
class PartsKind:
    """A kind of such a file, for messages. ``name``: "parity capsule"; ``magic``: 16 bytes; ``newest``: version.

    ``mend``: what to do where the file is another one or damaged.
    """

    name: str
    magic: bytes
    newest: int
    mend: str
    error: Callable[[str], HarnessError]

    def refuse(self, path: Path, what: str) -> HarnessError:
        """Return the error for a file of this kind that cannot be used."""
        return self.error(printable(f"{path}: {what}; {self.mend}"))


@dataclass(frozen=True)
class Part:
    """A part: bytes ``offset`` to ``offset + length``. ``dtype``, ``shape``: of an array, else None and empty."""

    name: str
    offset: int
    length: int
    sha256: str
    dtype: str | None = None
    shape: tuple[int, ...] = ()


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
        return index + _TAIL.pack(len(index), hashlib.sha256(head + index).digest(), kind.magic)


@contextlib.contextmanager
def writing_parts(path: Path, kind: PartsKind) -> Iterator[PartsWriter]:
    """Write such a file: a reader sees the whole one or none, and an error leaves none. Raises RecordError."""
    with replacing(path) as stream:
        head = _HEAD.pack(kind.magic, kind.newest)
        stream.write(head)
        writer = PartsWriter(stream)
        yield writer
        stream.write(writer.end(head, kind))


@dataclass(frozen=True, eq=False)
class Parts:
    """A file whose every part was checked; for as long as nothing writes to it, it is opened once.

    ``sha256`` (hex): of head and index, which has those of all parts.

    What is read later is refused where the file is another one than the one that was checked.
    """

    path: Path
    kind: PartsKind
    version: int
    sha256: str
    parts: Mapping[str, Part]
    signature: str

    @property
    def size(self) -> int:
        """The size of all parts."""
        return sum(part.length for part in self.parts.values())

    def json(self, name: str) -> Any:
        """Return a part as JSON values. Raises the kind's error where it is missing or is no JSON."""
        part = self._part(name)
        if part.length > _LARGEST_JSON:
            raise self.kind.refuse(self.path, f"its part `{name}` has {part.length:,} bytes, more than it may have")
        try:
            return parse_json(self._read(part, 0, part.length).decode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError) as error:
            raise self.kind.refuse(self.path, f"its part `{name}` is not valid JSON ({error})") from None

    def array(self, name: str, dtype: str, shape: Sequence[int]) -> NDArray[Any]:
        """Return an array. Raises the kind's error where it is missing, or has another type or shape."""
        part = self.require_array(name, dtype, shape)
        return self._as_array(part, self._read(part, 0, part.length), part.shape)

    def row(self, name: str, row: int) -> NDArray[Any]:
        """Return one row of an array whose first axis counts rows. Raises OSError where the file was changed."""
        part = self.parts[name]
        length = part.length // part.shape[0]
        return self._as_array(part, self.slice(name, row * length, length), part.shape[1:])

    def slice(self, name: str, start: int, length: int) -> bytes:
        """Return bytes of a part. Raises OSError where the file was changed since it was checked."""
        part = self.parts[name]
        if not 0 <= start <= start + length <= part.length:
            raise OSError(f"the part `{name}` has no bytes {start} to {start + length}")
        return _pread(self.path, self.signature, part.offset + start, length)

    def require_array(self, name: str, dtype: str, shape: Sequence[int]) -> Part:
        """Return a part that is an array of this type and shape. Raises the kind's error where it is none."""
        part = self._part(name)
        if part.dtype != dtype or part.shape != tuple(shape):
            wanted = f"{dtype} {list(shape)}"
            found = f"{part.dtype or 'bytes'} {list(part.shape)}"
            raise self.kind.refuse(self.path, f"its part `{name}` is {found}, {wanted} is expected")
        return part

    def _part(self, name: str) -> Part:
        if name not in self.parts:
            raise self.kind.refuse(self.path, f"has no part `{name}`")
        return self.parts[name]

    def _read(self, part: Part, start: int, length: int) -> bytes:
        try:
            return self.slice(part.name, start, length)
        except OSError as error:
            raise self.kind.refuse(self.path, f"cannot be read: {error.strerror or error}") from None

    @staticmethod
    def _as_array(part: Part, data: bytes, shape: Sequence[int]) -> NDArray[Any]:
        assert part.dtype is not None
        return np.frombuffer(data, np.dtype(DTYPES[part.dtype]).newbyteorder("<")).reshape(shape)


def open_parts(path: Path, kind: PartsKind) -> Parts:
    """Open such a file and check all of it: sizes first, then every sha256.

    Raises ``kind.error`` where it is missing, of a newer version, cut off, changed, or anything else.
    """
    try:
        return _opened(path, kind, _signature(path.stat()))
    except FileNotFoundError:
        raise kind.error(printable(f"{path}: no such file; name a {kind.name}")) from None
    except (OSError, ValueError) as error:
        raise kind.refuse(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


@lru_cache(maxsize=8)
def _opened(path: Path, kind: PartsKind, signature: str) -> Parts:
    """Check a file once, for as long as nothing writes to it. Raises OSError or the kind's error."""
    with path.open("rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise kind.refuse(path, f"is no {kind.name} but something else than a file")
        head = stream.read(_HEAD.size)
        version = _head(path, kind, head)
        text, sha256 = _index(path, kind, stream, head, status.st_size)
        parts = _placed(path, kind, text, status.st_size)
        stream.seek(_HEAD.size)
        for part in parts:
            if _digest(stream, part.length) != part.sha256:
                raise kind.refuse(path, f"its part `{part.name}` was changed or damaged, its sha256 is another one")
    return Parts(path, kind, version, sha256, {part.name: part for part in parts}, signature)


def _head(path: Path, kind: PartsKind, head: bytes) -> int:
    if len(head) < _HEAD.size or not head.startswith(kind.magic):
        raise kind.refuse(path, f"is no {kind.name}")
    _, version = _HEAD.unpack(head)
    if version > kind.newest:
        raise kind.error(
            printable(
                f"{path}: written by a newer harness ({kind.name} version {version}, this one reads up to "
                f"{kind.newest}); upgrade the harness"
            )
        )
    if version < 1:
        raise kind.refuse(path, f"is no {kind.name}: it has the version 0")
    return int(version)


def _index(path: Path, kind: PartsKind, stream: IO[bytes], head: bytes, size: int) -> tuple[bytes, str]:
    """Return the index as it stands in the file, and the sha256 (hex) over head and index."""
    if size < _HEAD.size + _TAIL.size:
        raise kind.refuse(path, "is cut off")
    stream.seek(size - _TAIL.size)
    length, digest, magic = _TAIL.unpack(stream.read(_TAIL.size))
    if magic != kind.magic:
        raise kind.refuse(path, "is cut off, or something was written behind its end")
    if length > min(_LARGEST_INDEX, size - _HEAD.size - _TAIL.size):
        raise kind.refuse(path, f"its index is said to have {length:,} bytes")
    stream.seek(size - _TAIL.size - length)
    text = stream.read(length)
    if hashlib.sha256(head + text).digest() != digest:
        raise kind.refuse(path, "its index was changed or damaged")
    return text, digest.hex()


def _placed(path: Path, kind: PartsKind, text: bytes, size: int) -> list[Part]:
    """Return the parts where their sizes put them. Raises the kind's error where an entry cannot be."""
    try:
        found = parse_json(text.decode())
    except (ValueError, RecursionError) as error:
        raise kind.refuse(path, f"its index is not valid JSON ({error})") from None
    listed = found.get("parts") if isinstance(found, dict) else None
    if not isinstance(listed, list) or len(listed) > _MOST_PARTS:
        raise kind.refuse(path, "its index lists no parts, or too many")
    parts: list[Part] = []
    offset = _HEAD.size
    for entry in listed:
        part = _part(entry, offset)
        if part is None:
            raise kind.refuse(path, "its index has an entry that describes no part")
        offset += part.length
        parts.append(part)
    if len({part.name for part in parts}) < len(parts):
        raise kind.refuse(path, "its index names a part twice")
    if offset + len(text) + _TAIL.size != size:
        raise kind.refuse(path, f"its parts are said to have {offset - _HEAD.size:,} bytes, the file has {size:,}")
    return parts


def _part(entry: Any, offset: int) -> Part | None:
    """Return what an entry of the index describes; None where it describes nothing that can be."""
    if not isinstance(entry, dict):
        return None
    name, sha256, length = entry.get("name"), entry.get("sha256"), entry.get("bytes")
    dtype, shape = entry.get("dtype"), entry.get("shape", [])
    if not (isinstance(name, str) and len(name) <= 200 and _NAME.fullmatch(name)):
        return None
    if not (isinstance(sha256, str) and re.fullmatch(r"[0-9a-f]{64}", sha256) and type(length) is int and length >= 0):
        return None
    if not (isinstance(shape, list) and len(shape) <= 4 and all(type(side) is int and side >= 0 for side in shape)):
        return None
    if dtype is None:
        return Part(name, offset, length, sha256) if not shape else None
    if not (isinstance(dtype, str) and dtype in DTYPES):
        return None
    if math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize != length:
        return None
    return Part(name, offset, length, sha256, dtype, tuple(shape))


def _digest(stream: IO[bytes], length: int) -> str:
    digest = hashlib.sha256()
    while length and (block := stream.read(min(_BLOCK, length))):
        digest.update(block)
        length -= len(block)
    return digest.hexdigest() if not length else ""


def _signature(status: os.stat_result) -> str:
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"


def _pread(path: Path, signature: str, offset: int, length: int) -> bytes:
    with path.open("rb", buffering=0) as stream:
        if _signature(os.fstat(stream.fileno())) != signature:
            raise OSError("the file was replaced or changed while it was used")
        stream.seek(offset)
        data = bytearray()
        while len(data) < length and (block := stream.read(length - len(data))):
            data += block
    if len(data) < length:
        raise OSError("the file ends too early")
    return bytes(data)
