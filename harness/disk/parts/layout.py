"""The layout of such a file: what stands where, and what a kind of it is called."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import HarnessError
from harness.text import printable

HEAD = struct.Struct("<16sI")
TAIL = struct.Struct("<Q32s16s")
DTYPES: Mapping[str, type[np.generic]] = {"u1": np.uint8, "i4": np.int32, "i8": np.int64, "f4": np.float32}


@dataclass(frozen=True)
class PartsKind:
    """A kind of such a file, for messages. ``name``: "parity capsule"; ``magic``: 16 bytes; ``newest``: version.

    ``mend``: what to do if the file is of another kind or damaged.
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
