"""Decoding ahead in threads: each image is read, digested and decoded once for all models."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from harness.config import Preprocess
from harness.dataset.image import BadImageError, prepare
from harness.dataset.image_set import ImageSet

_ROWS_A_TASK = 8


@dataclass(frozen=True)
class Decoded:
    """One shard's pixels: uint8 (n, size, size, 3) BGR; rows of bad images are black and named in ``bad``."""

    index: int
    rows: range
    pixels: NDArray[np.uint8]
    image_digests: tuple[bytes, ...]
    signatures: tuple[str, ...]
    bad: dict[int, str]

    @property
    def good(self) -> NDArray[np.bool_]:
        """Bool (n,): which rows are images."""
        mask = np.ones(len(self.rows), np.bool_)
        mask[[row - self.rows.start for row in self.bad]] = False
        return mask


class Decoder:
    """Decodes shards in order, a bounded number ahead of whoever takes them.

    ``ahead``: how many shards may be in work or waiting; ``threads``: how many images at once.
    """

    def __init__(self, images: ImageSet, preprocess: Preprocess, *, threads: int, ahead: int = 2) -> None:
        self._images = images
        self._preprocess = preprocess
        self._ahead = max(1, ahead)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def shards(self, wanted: Sequence[tuple[int, range]]) -> Iterator[Decoded]:
        """Yield the wanted (index, rows) shards in order, decoded."""
        started: list[_Started] = []
        remaining = iter(wanted)
        while True:
            while len(started) < self._ahead and (item := next(remaining, None)) is not None:
                started.append(self._start(*item))
            if not started:
                return
            yield started.pop(0).finish()

    def _start(self, index: int, rows: range) -> _Started:
        pixels = np.zeros((len(rows), self._preprocess.size, self._preprocess.size, 3), np.uint8)
        tasks = [
            self._pool.submit(self._rows, rows[start : start + _ROWS_A_TASK], pixels[start : start + _ROWS_A_TASK])
            for start in range(0, len(rows), _ROWS_A_TASK)
        ]
        return _Started(index, rows, pixels, tasks)

    def _rows(self, rows: range, pixels: NDArray[np.uint8]) -> list[tuple[bytes, str, str | None]]:
        return [self._row(row, pixels[place]) for place, row in enumerate(rows)]

    def _row(self, row: int, place: NDArray[np.uint8]) -> tuple[bytes, str, str | None]:
        try:
            signature = self._images.signature(row)
            data = self._images.read(row)
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            return b"", "", "missing" if missing else f"unreadable: {error.strerror or error}"
        digest = hashlib.sha256(data).digest()
        try:
            place[...] = prepare(data, self._preprocess)
        except BadImageError as error:
            return digest, signature, str(error)
        return digest, signature, None


@dataclass(frozen=True)
class _Started:
    index: int
    rows: range
    pixels: NDArray[np.uint8]
    tasks: list[Future[list[tuple[bytes, str, str | None]]]]

    def finish(self) -> Decoded:
        found = [item for task in self.tasks for item in task.result()]
        bad = {row: reason for row, (_, _, reason) in zip(self.rows, found, strict=True) if reason is not None}
        digests = tuple(digest for digest, _, _ in found)
        return Decoded(self.index, self.rows, self.pixels, digests, tuple(mark for _, mark, _ in found), bad)
