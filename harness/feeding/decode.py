"""Decoding ahead in threads: each image is read, digested and decoded once per decoder, for any number of models."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harness.config import Preprocess
from harness.dataset.image import BadImageError
from harness.dataset.image_set import ImageSet
from harness.errors import DatasetError
from harness.feeding.pipeline import Prepared, prepare_each
from harness.feeding.pixel_store import PixelStore, StoredShard
from harness.machine.environment import cores

PixelsKey = tuple[Any, ...]
_ROWS_A_TASK = 8
_AT_ONCE = 256  # images of `pixels_of_first`


@dataclass(frozen=True)
class Decoded:
    """One shard's pixels; ``bad`` names the images that are unusable for a preprocessing, whose rows are black.

    ``tensors``: by the preprocessing's ``pixels_key`` (n, height, width, 3) in BGR, uint8 or, after a normalisation,
    float32; the first preprocessing comes first. ``not_decoded``: how many images came from a store of pixels.
    """

    index: int
    rows: range
    tensors: dict[PixelsKey, Prepared]
    image_digests: tuple[bytes, ...]
    signatures: tuple[str, ...]
    bad: dict[int, str]
    not_decoded: int = 0

    @property
    def pixels(self) -> Prepared:
        """The pixels of the first preprocessing."""
        return next(iter(self.tensors.values()))

    def pixels_of(self, preprocess: Preprocess) -> Prepared:
        """Return the pixels of one of the preprocessings."""
        return self.tensors[preprocess.pixels_key]

    @property
    def good(self) -> NDArray[np.bool_]:
        """Bool (n,): which rows are images."""
        mask = np.ones(len(self.rows), np.bool_)
        mask[[row - self.rows.start for row in self.bad]] = False
        return mask


def joined(first: Decoded, rest: Decoded) -> Decoded:
    """Return two parts of a shard, whose rows follow each other, as one."""
    return Decoded(
        first.index,
        range(first.rows.start, rest.rows.stop),
        {key: np.concatenate([pixels, rest.tensors[key]]) for key, pixels in first.tensors.items()},
        (*first.image_digests, *rest.image_digests),
        (*first.signatures, *rest.signatures),
        first.bad | rest.bad,
        first.not_decoded + rest.not_decoded,
    )


class Decoder:
    """Decodes shards in order, a bounded number ahead of their consumer.

    ``preprocesses``: for each distinct one there are pixels, the first one's first; ``ahead``: how many shards may be
    in work or waiting; ``threads``: how many images at once; ``store``: where decoded shards are kept and taken from.
    """

    def __init__(
        self,
        images: ImageSet,
        *preprocesses: Preprocess,
        threads: int,
        ahead: int = 2,
        store: PixelStore | None = None,
    ) -> None:
        self._images = images
        self._store = store if images.carried is None or images.carried.pixels is None else None
        self._preprocesses = {preprocess.pixels_key: preprocess for preprocess in preprocesses}
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
        started: list[_Started | _Taken] = []
        remaining = iter(wanted)
        while True:
            while len(started) < self._ahead and (item := next(remaining, None)) is not None:
                started.append(self._start(*item))
            if not started:
                return
            shard = started.pop(0)
            decoded = shard.finish()
            if decoded is None:
                shard = self._decode(shard.index, shard.rows)
                decoded = shard.finish()
            if self._store is not None and isinstance(shard, _Started):
                self._store.put(self._as_stored(decoded))
            yield decoded

    def _start(self, index: int, rows: range) -> _Started | _Taken:
        if self._store is not None and self._is_stored(self._store, rows):
            return _Taken(index, rows, self._pool.submit(self._from_store, self._store, index, rows))
        return self._decode(index, rows)

    def _is_stored(self, store: PixelStore, rows: range) -> bool:
        """Return whether a look into the store is worth it; where it is not, the shard is decoded at once."""
        with contextlib.suppress(OSError):
            return store.has(self._images.manifest.image_ids[rows.start], self._images.signature(rows.start))
        return False

    def _from_store(self, store: PixelStore, index: int, rows: range) -> Decoded | None:
        """Return a shard that was decoded before; None if it was not."""
        ids = self._images.manifest.image_ids[rows.start : rows.stop]
        try:
            signatures = [self._images.signature(row) for row in rows]
        except OSError:
            return None
        shapes = [
            (item.output_size, np.dtype(np.float32 if item.is_float else np.uint8))
            for item in self._preprocesses.values()
        ]
        kept = store.get(ids, signatures, shapes)
        if kept is None:
            return None
        bad = {row: reason for row, reason in zip(rows, kept.bad, strict=True) if reason is not None}
        tensors = dict(zip(self._preprocesses, kept.pixels, strict=True))
        return Decoded(index, rows, tensors, kept.digests, kept.signatures, bad, len(rows))

    def _as_stored(self, decoded: Decoded) -> StoredShard:
        return StoredShard(
            self._images.manifest.image_ids[decoded.rows.start : decoded.rows.stop],
            decoded.signatures,
            decoded.image_digests,
            tuple(decoded.bad.get(row) for row in decoded.rows),
            tuple(decoded.tensors.values()),
        )

    def _decode(self, index: int, rows: range) -> _Started:
        tensors = {key: _black(preprocess, len(rows)) for key, preprocess in self._preprocesses.items()}
        tasks = [
            self._pool.submit(self._rows, rows[start : start + _ROWS_A_TASK], start, list(tensors.values()))
            for start in range(0, len(rows), _ROWS_A_TASK)
        ]
        return _Started(index, rows, tensors, tasks)

    def _rows(self, rows: range, start: int, tensors: list[Prepared]) -> list[tuple[bytes, str, str | None]]:
        return [self._row(row, [tensor[start + place] for tensor in tensors]) for place, row in enumerate(rows)]

    def _row(self, row: int, places: list[Prepared]) -> tuple[bytes, str, str | None]:
        carried = self._images.carried
        try:
            signature = self._images.signature(row)
            if carried is not None and carried.pixels is not None:
                return self._carried(row, places, carried.pixels, carried.digest(row), signature)
            data = self._images.read(row)
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            return b"", "", "missing" if missing else f"unreadable: {error.strerror or error}"
        digest = hashlib.sha256(data).digest()
        try:
            for place, pixels in zip(places, prepare_each(data, list(self._preprocesses.values())), strict=True):
                place[...] = pixels
        except BadImageError as error:
            return digest, signature, str(error)
        return digest, signature, None

    def _carried(
        self,
        row: int,
        places: list[Prepared],
        pixels: Callable[[int, Preprocess], Prepared],
        digest: bytes,
        signature: str,
    ) -> tuple[bytes, str, str | None]:
        """Take the pixels of a row that were prepared where the capsule was made. Raises OSError."""
        try:
            for place, preprocess in zip(places, self._preprocesses.values(), strict=True):
                place[...] = pixels(row, preprocess)
        except BadImageError as error:
            return digest, signature if digest else "", str(error)
        return digest, signature, None


def _black(preprocess: Preprocess, images: int) -> Prepared:
    shape = (images, *preprocess.output_size, 3)
    return np.zeros(shape, np.float32) if preprocess.is_float else np.zeros(shape, np.uint8)


@dataclass(frozen=True)
class _Started:
    index: int
    rows: range
    tensors: dict[PixelsKey, Prepared]
    tasks: list[Future[list[tuple[bytes, str, str | None]]]]

    def finish(self) -> Decoded:
        found = [item for task in self.tasks for item in task.result()]
        bad = {row: reason for row, (_, _, reason) in zip(self.rows, found, strict=True) if reason is not None}
        digests = tuple(digest for digest, _, _ in found)
        return Decoded(self.index, self.rows, self.tensors, digests, tuple(mark for _, mark, _ in found), bad)


@dataclass(frozen=True)
class _Taken:
    """A shard that is read from the store."""

    index: int
    rows: range
    found: Future[Decoded | None]

    def finish(self) -> Decoded | None:
        """Return it; None if it cannot be taken after all."""
        return self.found.result()


def pixels_of_first(images: ImageSet, preprocess: Preprocess, count: int, need: str) -> Prepared:
    """Return the pixels of the first ``count`` images: (count, height, width, 3) BGR, all in memory.

    ``need``: what needs them, for the message. Raises DatasetError if one of them is unusable.
    """
    pixels = _black(preprocess, count)
    starts = range(0, count, _AT_ONCE)
    shards = [(number, range(start, min(start + _AT_ONCE, count))) for number, start in enumerate(starts)]
    with Decoder(images, preprocess, threads=cores()) as decoder:
        for decoded in decoder.shards(shards):
            for row, reason in decoded.bad.items():
                raise DatasetError(
                    f"{images.manifest.image_ids[row]}: {reason}; {need} needs images that can be decoded"
                )
            pixels[decoded.rows.start : decoded.rows.stop] = decoded.pixels
    return pixels
