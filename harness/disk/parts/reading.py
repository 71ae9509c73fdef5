"""Opening a file of parts: all of it is checked before any of it is used."""

from __future__ import annotations

import hashlib
import math
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from harness.disk.parts.layout import DTYPES, HEAD, TAIL, Part, PartsKind
from harness.disk.signature import signature_of
from harness.disk.versioned_json import parse_json
from harness.text import printable

_LARGEST_INDEX = 1 << 26  # bytes
_LARGEST_JSON = 1 << 26  # bytes of one part that is read as JSON
_MOST_PARTS = 100_000
_NAME = re.compile(r"[a-z0-9_]+(?:/[a-z0-9_]+)*")
_BLOCK = 1 << 20


@dataclass(frozen=True, eq=False)
class Parts:
    """A file whose every part was checked; for as long as nothing writes to it, it is opened once.

    ``sha256`` (hex): of head and index, which has those of all parts.

    Later reads are refused if the file is no longer the checked one.
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
        """Return a part as JSON values. Raises the kind's error if it is missing or is not JSON."""
        part = self._part(name)
        if part.length > _LARGEST_JSON:
            raise self.kind.refuse(self.path, f"its part `{name}` has {part.length:,} bytes, which is too large")
        try:
            return parse_json(self._read(part, 0, part.length).decode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError) as error:
            raise self.kind.refuse(self.path, f"its part `{name}` is not valid JSON ({error})") from None

    def array(self, name: str, dtype: str, shape: Sequence[int]) -> NDArray[Any]:
        """Return an array. Raises the kind's error if it is missing, or has another type or shape."""
        part = self.require_array(name, dtype, shape)
        return self._as_array(part, self._read(part, 0, part.length), part.shape)

    def row(self, name: str, row: int) -> NDArray[Any]:
        """Return one row of an array whose first axis counts rows. Raises OSError if the file was changed."""
        part = self.parts[name]
        length = part.length // part.shape[0]
        return self._as_array(part, self.slice(name, row * length, length), part.shape[1:])

    def slice(self, name: str, start: int, length: int) -> bytes:
        """Return bytes of a part. Raises OSError if the file was changed since it was checked."""
        part = self.parts[name]
        if not 0 <= start <= start + length <= part.length:
            raise OSError(f"the part `{name}` has no bytes {start} to {start + length}")
        return _pread(self.path, self.signature, part.offset + start, length)

    def require_array(self, name: str, dtype: str, shape: Sequence[int]) -> Part:
        """Return a part that is an array of this type and shape. Raises the kind's error if it is none."""
        part = self._part(name)
        if part.dtype != dtype or part.shape != tuple(shape):
            wanted = f"{dtype} {list(shape)}"
            found = f"{part.dtype or 'bytes'} {list(part.shape)}"
            raise self.kind.refuse(self.path, f"its part `{name}` is {found}, expected {wanted}")
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
        return _opened(path, kind, signature_of(path.stat()))
    except FileNotFoundError:
        raise kind.error(printable(f"{path}: no such file; give a {kind.name}")) from None
    except (OSError, ValueError) as error:
        raise kind.refuse(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


@lru_cache(maxsize=8)
def _opened(path: Path, kind: PartsKind, signature: str) -> Parts:
    """Check a file once, for as long as nothing writes to it. Raises OSError or the kind's error."""
    with path.open("rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise kind.refuse(path, "is not a regular file")
        head = stream.read(HEAD.size)
        version = _head(path, kind, head)
        text, sha256 = _index(path, kind, stream, head, status.st_size)
        parts = _placed(path, kind, text, status.st_size)
        stream.seek(HEAD.size)
        for part in parts:
            if _digest(stream, part.length) != part.sha256:
                raise kind.refuse(path, f"its part `{part.name}` was changed or damaged, its sha256 differs")
    return Parts(path, kind, version, sha256, {part.name: part for part in parts}, signature)


def _head(path: Path, kind: PartsKind, head: bytes) -> int:
    if len(head) < HEAD.size or not head.startswith(kind.magic):
        raise kind.refuse(path, f"is not a {kind.name}")
    _, version = HEAD.unpack(head)
    if version > kind.newest:
        raise kind.error(
            printable(
                f"{path}: written by a newer harness ({kind.name} version {version}, this one reads up to "
                f"{kind.newest}); upgrade the harness"
            )
        )
    if version < 1:
        raise kind.refuse(path, f"is not a {kind.name}: its version is 0")
    return int(version)


def _index(path: Path, kind: PartsKind, stream: IO[bytes], head: bytes, size: int) -> tuple[bytes, str]:
    """Return the index as it is in the file, and the sha256 (hex) over head and index."""
    if size < HEAD.size + TAIL.size:
        raise kind.refuse(path, "is cut off")
    stream.seek(size - TAIL.size)
    length, digest, magic = TAIL.unpack(stream.read(TAIL.size))
    if magic != kind.magic:
        raise kind.refuse(path, "is cut off, or something was written behind its end")
    if length > min(_LARGEST_INDEX, size - HEAD.size - TAIL.size):
        raise kind.refuse(path, f"its index is said to have {length:,} bytes")
    stream.seek(size - TAIL.size - length)
    text = stream.read(length)
    if hashlib.sha256(head + text).digest() != digest:
        raise kind.refuse(path, "its index was changed or damaged")
    return text, digest.hex()


def _placed(path: Path, kind: PartsKind, text: bytes, size: int) -> list[Part]:
    """Return the parts where their sizes put them. Raises the kind's error if an entry cannot be."""
    try:
        found = parse_json(text.decode())
    except (ValueError, RecursionError) as error:
        raise kind.refuse(path, f"its index is not valid JSON ({error})") from None
    listed = found.get("parts") if isinstance(found, dict) else None
    if not isinstance(listed, list) or len(listed) > _MOST_PARTS:
        raise kind.refuse(path, "its index lists no parts, or too many")
    parts: list[Part] = []
    offset = HEAD.size
    for entry in listed:
        part = _part(entry, offset)
        if part is None:
            raise kind.refuse(path, "its index has an invalid entry")
        offset += part.length
        parts.append(part)
    if len({part.name for part in parts}) < len(parts):
        raise kind.refuse(path, "its index lists a part twice")
    if offset + len(text) + TAIL.size != size:
        raise kind.refuse(path, f"its parts are said to have {offset - HEAD.size:,} bytes, the file has {size:,}")
    return parts


def _part(entry: Any, offset: int) -> Part | None:
    """Return what an entry of the index describes; None if it describes nothing that can be."""
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


def _pread(path: Path, signature: str, offset: int, length: int) -> bytes:
    with path.open("rb", buffering=0) as stream:
        if signature_of(os.fstat(stream.fileno())) != signature:
            raise OSError("the file was replaced or changed while it was used")
        stream.seek(offset)
        data = bytearray()
        while len(data) < length and (block := stream.read(length - len(data))):
            data += block
    if len(data) < length:
        raise OSError("the file ends too early")
    return bytes(data)
