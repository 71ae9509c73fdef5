"""The manifest: the ordered list of (image id, label) of a data set, with its fingerprint."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import DatasetError

SHARD_ROWS = 256


@dataclass(frozen=True)
class Manifest:
    """Image ids and labels in evaluation order.

    ``labels``: int32 (n,), the **network's** labels: class index, + 1 where the network has a background class.
    """

    image_ids: tuple[str, ...]
    labels: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.image_ids)

    def first(self, images: int | None) -> Manifest:
        """Return the first ``images`` rows (None: all)."""
        return self if images is None else Manifest(self.image_ids[:images], self.labels[:images])

    def shards(self) -> list[range]:
        """Return the rows of each shard: fixed runs of 256 consecutive rows, the last one shorter."""
        total = len(self)
        return [range(start, min(start + SHARD_ROWS, total)) for start in range(0, total, SHARD_ROWS)]

    def fingerprint(self, rows: range | None = None) -> str:
        """Return the sha256 (hex) over the (image id, label) pairs of ``rows`` (None: all), in order."""
        digest = hashlib.sha256(b"harness manifest 1\n")
        for row in range(len(self)) if rows is None else rows:
            digest.update(f"{len(self.image_ids[row])}:{self.image_ids[row]}={int(self.labels[row])}\n".encode())
        return digest.hexdigest()


def build_manifest(pairs: Sequence[tuple[str, int]], *, classes: int, background_class: bool, source: str) -> Manifest:
    """Make a manifest from (image id, 0-based class) pairs.

    Raises DatasetError that lists images named twice and classes out of 0..classes-1. ``source`` names the list.
    """
    twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if twice:
        raise DatasetError(
            f"{source}: {_some(twice, 'image is', 'images are', 'listed twice')}; keep one line for each"
        )
    wrong = [f"{name} (class {value})" for name, value in pairs if not 0 <= value < classes]
    if wrong:
        hint = _one_based_hint([value for _, value in pairs], classes)
        raise DatasetError(
            f"{source}: {_some(wrong, 'label is', 'labels are', 'out of range')}; classes are 0..{classes - 1}, "
            f"without background{hint}"
        )
    offset = int(background_class)
    labels = np.fromiter((value + offset for _, value in pairs), np.int32, len(pairs))
    return Manifest(tuple(name for name, _ in pairs), labels)


def _one_based_hint(values: Sequence[int], classes: int) -> str:
    if min(values) >= 1 and max(values) == classes:
        return f". These look 1-based (1..{classes}): subtract 1 from every class"
    if min(values) >= 0:
        return f"; if the labels are right, set `dataset.classes: {max(values) + 1}`"
    return ""


def _some(items: Sequence[str], one: str, many: str, what: str, shown: int = 5) -> str:
    """Return "3 images are listed twice: a, b, c" with the first few named."""
    names = ", ".join(items[:shown]) + (", ..." if len(items) > shown else "")
    return f"{len(items)} {one if len(items) == 1 else many} {what}: {names}"
