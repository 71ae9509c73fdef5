"""Choosing part of an image set: the same images on every machine and in every form, by a digest of their names."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from harness.dataset.labels.table import key
from harness.errors import DatasetError


def choose(names: Sequence[str], classes: Sequence[int], *, images: int, seed: int, stratified: bool) -> list[int]:
    """Return the rows of ``images`` images, ascending.

    Images are ranked by sha256 of seed and name; the name is the image's own (folders and suffix away) where that tells
    all images apart, so that it does not matter which form the set has. ``stratified``: every class gives as many
    images as any other, or one less; where a class has too few, the others give more. Raises DatasetError if the set
    has fewer images.
    """
    if images > len(names):
        raise DatasetError(
            f"dataset.subset.images is {images:,}, but the set has {len(names):,} images; set a smaller number"
        )
    keys = [key(name) for name in names]
    if len(set(keys)) < len(keys):
        keys = list(names)
    ranks = [hashlib.sha256(f"{seed}:{item}".encode()).digest() for item in keys]
    order = sorted(range(len(names)), key=lambda row: (ranks[row], keys[row]))
    if stratified:
        turn: dict[int, int] = {}
        places = []
        for row in order:
            turn[classes[row]] = turn.get(classes[row], -1) + 1
            places.append((turn[classes[row]], ranks[row], keys[row], row))
        order = [place[-1] for place in sorted(places)]
    return sorted(order[:images])
