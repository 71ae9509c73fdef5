"""A capsule as an image set: its images in the order in which they were evaluated where it was made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from harness.capsule.opened import Capsule, open_capsule
from harness.config import Preprocess
from harness.dataset.image import BadImageError
from harness.dataset.sources.carried import Carried
from harness.dataset.sources.pictures import Pictures


def open_capsule_images(path: Path) -> Pictures:
    """Return the images of a capsule. Raises DatasetError if it is damaged, newer, or something else."""
    capsule = open_capsule(path)
    images = capsule.contents.images

    def pixels(row: int, preprocess: Preprocess) -> NDArray[Any]:
        if row in capsule.bad:
            raise BadImageError(capsule.bad[row])
        return capsule.pixels(row, preprocess)

    return Pictures(
        "capsule",
        capsule.image_ids,
        capsule.encoded,
        lambda row: f"capsule:{_content(capsule, row)}",
        capsule.labels.tolist(),
        f"{path} ({images.label_source})",
        carried=Carried(
            capsule.sha256,
            images.listed,
            images.seed,
            lambda row: capsule.digests[row],
            None if capsule.contents.encoded else pixels,
        ),
    )


def _content(capsule: Capsule, row: int) -> str:
    return f"{capsule.sha256}:{row}"
