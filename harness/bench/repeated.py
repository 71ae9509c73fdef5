"""An image set made longer by repeating it, so that a benchmark runs long enough."""

from __future__ import annotations

import numpy as np

from harness.dataset.image_set import ImageSet
from harness.dataset.manifest import Manifest


def repeated(images: ImageSet, rows: int) -> ImageSet:
    """Return an image set of ``rows`` rows over the same files; ids are numbered so that each is unique."""
    base = len(images.manifest)
    ids = tuple(f"{row:06d}/{images.manifest.image_ids[row % base]}" for row in range(rows))
    labels = np.resize(images.manifest.labels, rows).astype(np.int32)
    return ImageSet(
        images.form,
        images.source,
        Manifest(ids, labels),
        lambda row: images.read(row % base),
        lambda row: images.signature(row % base),
    )
