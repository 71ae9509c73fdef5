"""What a capsule contains of its images in addition to encoded bytes and labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from harness.config import Preprocess


@dataclass(frozen=True)
class Carried:
    """What is known of images that travelled in a capsule.

    ``capsule``: its sha256 (hex); ``listed``: how many images the set lists from which they were taken; ``seed``: of
    the random order in which they were drawn, None if they are the first as listed. ``digest(row)``: sha256 of the
    encoded bytes, empty if it had none. ``pixels(row, preprocess)``: (height, width, 3) in BGR, raises BadImageError
    for a bad image and OSError if the file changed; None if the images are encoded.
    """

    capsule: str
    listed: int
    seed: int | None
    digest: Callable[[int], bytes]
    pixels: Callable[[int, Preprocess], NDArray[Any]] | None = None

    def rows(self, rows: list[int]) -> Carried:
        """Return the same for the given rows, in that order."""
        pixels = self.pixels
        return replace(
            self,
            digest=lambda row: self.digest(rows[row]),
            pixels=None if pixels is None else lambda row, preprocess: pixels(rows[row], preprocess),
        )
