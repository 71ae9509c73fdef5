"""Pixels of decoded shards in files, so that another run of the same images need not decode them again.

A file has one shard: the pixels of every preprocessing of a run, digests, and what was bad, behind a checksum.
It is taken only where ids and signatures of its first rows are those that are wanted, and its key is the same: the same
preprocessing, libraries, code and place. What cannot be read or written is decoded, as without a store.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import uuid
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.disk.checked_table import read_table, write_table
from harness.disk.private import foreign, make_private
from harness.errors import RecordError
from harness.feeding.pipeline import Prepared

_SUFFIX = ".pixels"
_MARK = ".here"


@dataclass(frozen=True)
class StoredShard:
    """The kept data of a shard: one row per image, in order. ``bad``: reasons, None if the image is sound.

    ``pixels``: (n, height, width, 3) of each preprocessing, in the run's order, uint8 or float32.
    """

    ids: tuple[str, ...]
    signatures: tuple[str, ...]
    digests: tuple[bytes, ...]
    bad: tuple[str | None, ...]
    pixels: tuple[Prepared, ...]


@dataclass
class PixelStore:
    """Files below ``folder``, which only this user may write to; at most ``max_bytes`` are written there.

    ``key``: JSON values that fix everything but the images. ``taken``: how many images were not decoded again;
    ``writers``: how many processes write there at the same time.
    """

    folder: Path
    key: Any
    max_bytes: int
    taken: int = 0
    writers: int = 1
    _writer: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="pixels"))
    _writing: Future[None] | None = None

    def has(self, first_id: str, first_signature: str) -> bool:
        """Return whether there is a file whose first image this is, sound or not."""
        return self._path([first_id], [first_signature]).exists()

    def get(
        self, ids: Sequence[str], signatures: Sequence[str], shapes: Sequence[tuple[tuple[int, int], np.dtype[Any]]]
    ) -> StoredShard | None:
        """Return the wanted rows; None if they are not kept, damaged, or of images that were changed since.

        ``shapes``: height, width and type of each preprocessing's pixels.
        """
        path = self._path(ids, signatures)
        if foreign(path, self.folder):
            return None
        table = read_table(path)
        if table is None or table.num_rows < len(ids):
            return None
        try:
            found = _rows(table, len(ids), shapes)
        except (KeyError, ValueError, TypeError, pa.ArrowException):
            return None
        if found.ids != tuple(ids) or found.signatures != tuple(signatures):
            return None
        self.taken += len(ids)
        return found

    def put(self, shard: StoredShard) -> None:
        """Keep a shard, written in the background; one is written at a time. Its arrays must not change."""
        if not shard.ids or not all(shard.signatures):
            return
        if self._writing is not None:
            self._writing.result()
        self._writing = self._writer.submit(self._write, self._path(shard.ids, shard.signatures), shard)

    def flush(self) -> None:
        """Wait until what was put is written."""
        if self._writing is not None:
            self._writing.result()

    def close(self) -> None:
        """Wait until everything is written, and write nothing more."""
        self._writer.shutdown(wait=True)

    def shared(self, writers: int) -> SharedPixels | None:
        """Return the store as plain data for other processes; None if the folder cannot be used."""
        mark = f"{uuid.uuid4().hex}{_MARK}"
        try:
            make_private(self.folder)
            if foreign(self.folder):
                return None
            (self.folder / mark).touch(mode=0o600)
        except OSError:
            return None
        return SharedPixels(self.folder, self.key, self.max_bytes, writers, mark)

    def _write(self, path: Path, shard: StoredShard) -> None:
        with contextlib.suppress(OSError, RecordError):
            make_private(self.folder)
            if foreign(self.folder):
                return
            kept = sum(file.stat().st_size for file in self.folder.glob(f"*{_SUFFIX}"))
            # Each of the others may be writing one, too, which is not counted before it is there.
            if kept + self.writers * sum(pixels.nbytes for pixels in shard.pixels) <= self.max_bytes:
                write_table(path, _table(shard), private=True)

    def _path(self, ids: Sequence[str], signatures: Sequence[str]) -> Path:
        name = json.dumps([self.key, ids[0], signatures[0]], sort_keys=True).encode("utf-8", "surrogatepass")
        return self.folder / f"{hashlib.sha256(name).hexdigest()[:40]}{_SUFFIX}"


@dataclass(frozen=True)
class SharedPixels:
    """A store as plain data, for workers on any node. ``mark``: a file in it, which tells the same folder elsewhere."""

    folder: Path
    key: Any
    max_bytes: int
    writers: int
    mark: str

    def open(self) -> PixelStore | None:
        """Return the store; None on a node that does not see its folder."""
        try:
            there = (self.folder / self.mark).is_file()
        except OSError:
            return None
        return PixelStore(self.folder, self.key, self.max_bytes, writers=self.writers) if there else None


def _table(shard: StoredShard) -> pa.Table:
    columns: dict[str, pa.Array] = {
        "id": pa.array([name.encode("utf-8", "surrogatepass") for name in shard.ids], pa.binary()),
        "signature": pa.array(shard.signatures, pa.string()),
        "digest": pa.array(shard.digests, pa.binary()),
        "bad": pa.array(shard.bad, pa.string()),
    }
    for place, pixels in enumerate(shard.pixels):
        flat = np.ascontiguousarray(pixels).reshape(len(pixels), -1)
        kind = pa.list_(pa.from_numpy_dtype(flat.dtype), flat.shape[1])
        columns[f"pixels{place}"] = pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), type=kind)
    return pa.table(columns)


def _rows(table: pa.Table, count: int, shapes: Sequence[tuple[tuple[int, int], np.dtype[Any]]]) -> StoredShard:
    """Return the first rows of a file. Raises KeyError, ValueError or TypeError for one that is otherwise made."""
    first = table.slice(0, count)
    pixels = []
    for place, (size, dtype) in enumerate(shapes):
        column = first.column(f"pixels{place}")
        values = size[0] * size[1] * 3
        if column.type != pa.list_(pa.from_numpy_dtype(dtype), values) or column.null_count:
            raise ValueError("pixels of another shape")
        flat: NDArray[Any] = np.concatenate([chunk.flatten().to_numpy() for chunk in column.chunks])
        pixels.append(flat.reshape(count, *size, 3))
    ids = tuple(value.decode("utf-8", "surrogatepass") for value in first.column("id").to_pylist())
    return StoredShard(
        ids,
        tuple(first.column("signature").to_pylist()),
        tuple(first.column("digest").to_pylist()),
        tuple(first.column("bad").to_pylist()),
        tuple(pixels),
    )
