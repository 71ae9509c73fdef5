"""A capsule that was opened and checked: every array is there, has its type and shape, and values that can be."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from harness.capsule.contents import KIND, SHARD_ROWS, Contents, shards
from harness.config.preprocess import Preprocess
from harness.disk.beginnings import begins_with
from harness.disk.parts import Parts, open_parts

_NONE = bytes(32)


@dataclass(frozen=True)
class Capsule:
    """An opened capsule. ``image_ids``, ``labels``: of every row; labels int32 (n,), 0-based without background."""

    parts: Parts
    contents: Contents
    image_ids: tuple[str, ...]
    labels: NDArray[np.int32]
    digests: tuple[bytes, ...]

    @property
    def path(self) -> Path:
        """The file."""
        return self.parts.path

    @property
    def sha256(self) -> str:
        """What tells this capsule from any other (hex)."""
        return self.parts.sha256

    @cached_property
    def bad(self) -> dict[int, str]:
        """Why an image is bad, by its row."""
        return {item.row: item.reason for item in self.contents.images.bad}

    @cached_property
    def _keys(self) -> dict[Any, int]:
        return {item.preprocess.pixels_key: place for place, item in enumerate(self.contents.prepared)}

    def has_pixels(self, preprocess: Preprocess) -> bool:
        """Return whether the pixels of a preprocessing are in it."""
        return preprocess.pixels_key in self._keys

    def libraries(self, preprocess: Preprocess) -> tuple[str, ...] | None:
        """Return the libraries that made the pixels; None if they are made on this machine."""
        place = self._keys.get(preprocess.pixels_key)
        return None if place is None else self.contents.prepared[place].libraries

    def pixels(self, row: int, preprocess: Preprocess) -> NDArray[Any]:
        """Return a row's pixels, (height, width, 3) in BGR.

        Raises OSError if it has none of this preprocessing, or the file was changed meanwhile.
        """
        if not self.has_pixels(preprocess):
            raise OSError("this capsule has no pixels of that preprocessing")
        return self.parts.row(f"pixels/{self._keys[preprocess.pixels_key]}/{row // SHARD_ROWS}", row % SHARD_ROWS)

    @cached_property
    def _sizes(self) -> NDArray[np.int64]:
        return self.parts.array("sizes", "i8", (len(self.image_ids),))

    def encoded(self, row: int) -> bytes:
        """Return a row's encoded bytes. Raises OSError if it has none, or the file was changed meanwhile."""
        if not self.contents.encoded:
            raise OSError("this capsule has decoded pixels, but no encoded images")
        if self.digests[row] == b"":
            reason = self.bad.get(row, "missing")
            raise FileNotFoundError if reason == "missing" else OSError(reason.removeprefix("unreadable: "))
        first = row - row % SHARD_ROWS
        start = int(self._sizes[first:row].sum())
        return self.parts.slice(f"encoded/{row // SHARD_ROWS}", start, int(self._sizes[row]))

    @cached_property
    def answers(self) -> NDArray[np.float32] | None:
        """What the reference gave, float32 (n, outputs); None if there is none."""
        reference = self.contents.reference
        return (
            None if reference is None else self.parts.array("answers", "f4", (len(self.image_ids), reference.outputs))
        )


def is_capsule(path: Path) -> bool:
    """Return whether a file begins as a capsule does."""
    return begins_with(path, KIND.magic)


def open_capsule(path: Path) -> Capsule:
    """Open a capsule and check all of it. Raises DatasetError if it is damaged, newer or holds what cannot be."""
    return _check(open_parts(path, KIND))


def capsule_at(path: Path) -> Capsule | None:
    """Return the capsule at a path; None if something else is there. Raises DatasetError for a damaged one."""
    return open_capsule(path) if is_capsule(path) else None


@lru_cache(maxsize=8)
def _check(parts: Parts) -> Capsule:
    try:
        contents = Contents.model_validate(parts.json("capsule"))
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise KIND.refuse(parts.path, f"its description is not valid: {where}: {fault['msg']}") from None
    count = contents.images.count
    ids = parts.json("image_ids")
    if not (isinstance(ids, list) and len(ids) == count and all(isinstance(name, str) for name in ids)):
        raise KIND.refuse(parts.path, f"its image ids are not {count} names")
    if any(item.row >= count for item in contents.images.bad) or contents.images.listed < count:
        raise KIND.refuse(parts.path, "its description lists rows that it does not have")
    labels = parts.array("labels", "i4", (count,))
    digests = tuple(row.tobytes() for row in parts.array("digests", "u1", (count, 32)))
    _check_images(parts, contents)
    found = Capsule(parts, contents, tuple(ids), labels, tuple(b"" if own == _NONE else own for own in digests))
    if any(not digest and row not in found.bad for row, digest in enumerate(found.digests)):
        raise KIND.refuse(parts.path, "an image has no digest, although it is not bad")
    if found.answers is not None and not np.isfinite(found.answers).all():
        raise KIND.refuse(parts.path, "a prediction of its reference is not a number")
    return found


def _check_images(parts: Parts, contents: Contents) -> None:
    count = contents.images.count
    if contents.encoded == bool(contents.prepared):
        raise KIND.refuse(parts.path, "it must have either pixels or encoded images")
    for place, item in enumerate(contents.prepared):
        dtype = "f4" if item.preprocess.is_float else "u1"
        for number, rows in enumerate(shards(count)):
            parts.require_array(f"pixels/{place}/{number}", dtype, (len(rows), *item.preprocess.output_size, 3))
    if not contents.encoded:
        return
    sizes = parts.array("sizes", "i8", (count,)).tolist()
    for number, rows in enumerate(shards(count)):
        part, own = parts.parts.get(f"encoded/{number}"), sizes[rows.start : rows.stop]
        if part is None or min(own) < 0 or sum(own) != part.length:
            raise KIND.refuse(parts.path, f"the encoded images of shard {number} do not have the sizes in its index")
