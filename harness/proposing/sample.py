"""The labelled images on which a contract is measured: the same ones for everything that is tried, decoded once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.config import Preprocess
from harness.config.steps import Library
from harness.dataset.image import BadImageError
from harness.dataset.sources.opening import ImageSetRequest, Labelled, open_labelled
from harness.dataset.subset import choose
from harness.errors import DatasetError
from harness.feeding.pipeline import Decoded, decode_with, run_steps
from harness.machine.environment import cores

_KEPT = 512 * 2**20  # bytes of decoded images; those beyond are decoded again each time
_TIMES_AS_MANY = 2  # how many images are looked at to find the sound ones


class Sample:
    """Some images of a set, chosen by a digest of their names, with their classes.

    ``classes``: int64 (n,), 0-based, as the set counts; ``image_set``: what they were chosen from; ``bad``: how many
    were left out because they cannot be decoded.
    """

    def __init__(self, image_set: Labelled, images: int) -> None:
        self.image_set = image_set
        self._decoded: dict[tuple[int, Library], Decoded] = {}
        self._kept = 0
        self._pool = ThreadPoolExecutor(cores(), thread_name_prefix="decode")
        names, classes = [name for name, _ in image_set.pairs], [label for _, label in image_set.pairs]
        looked_at = min(len(names), images * _TIMES_AS_MANY)
        rows = choose(names, classes, images=looked_at, seed=0, stratified=False)
        spread = np.random.default_rng(0).permutation(rows)  # neighbours in a list are often of one class
        self.bad = 0
        self._rows: list[int] = []
        waiting = [int(row) for row in spread]
        while waiting and len(self._rows) < images:
            missing = images - len(self._rows)
            looked, waiting = waiting[:missing], waiting[missing:]
            sound = [
                row for row, is_sound in zip(looked, self._pool.map(self._is_sound, looked), strict=True) if is_sound
            ]
            self.bad += len(looked) - len(sound)
            self._rows += sound
        if not self._rows:
            raise DatasetError(
                f"{image_set.label_source}: none of {self.bad} images can be decoded; give another image set"
            )
        self.classes = np.array([classes[row] for row in self._rows], np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def pixels(self, preprocess: Preprocess, rows: range) -> NDArray[np.uint8]:
        """Return uint8 (len(rows), height, width, 3) BGR."""
        library, _ = preprocess.decoding

        def one(at: int) -> NDArray[np.uint8]:
            return np.asarray(run_steps(self._decode(self._rows[at], library), preprocess), np.uint8)

        return np.stack(list(self._pool.map(one, rows)))

    def _is_sound(self, row: int) -> bool:
        try:
            self._decode(row, "opencv")
        except BadImageError:
            return False
        return True

    def _decode(self, row: int, library: Library) -> Decoded:
        if (row, library) in self._decoded:
            return self._decoded[row, library]
        try:
            found = decode_with(library, self.image_set.read(row), exif=False)
        except OSError as error:
            raise BadImageError(error.strerror or "unreadable") from None
        if self._kept + found.image.nbytes <= _KEPT:
            self._kept += found.image.nbytes
            self._decoded[row, library] = found
        return found

    def close(self) -> None:
        """Release the decoded images."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._decoded.clear()


def open_sample(
    path: Path, labels: str, images: int, classes: int, class_names: tuple[str, ...] | None = None
) -> Sample:
    """Open an image set and choose from it. ``labels``: `auto`, or a file or folder.

    ``class_names``: those of a data set with classes of its own, in the network's order.

    Raises DatasetError if images or labels are missing, or no image can be decoded.
    """
    found = open_labelled(
        ImageSetRequest(path, labels=labels, trust=True, classes=classes, may_miss=True, class_names=class_names)
    )
    if not found.pairs:
        raise DatasetError(f"{path}: contains no image; give an image set with images")
    return Sample(found, min(images, len(found.pairs)))
