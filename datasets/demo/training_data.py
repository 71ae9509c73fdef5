"""Training images: drawn from their own seed stream, kept in a build folder, never committed."""

from __future__ import annotations

import hashlib
import json
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.demo.drawing.scene import render
from datasets.demo.drawing.sketch import Pixels
from datasets.demo.files import encode, library_versions
from datasets.demo.pixels import SIDE, prepare
from datasets.demo.streams import HARD_SHARE, SEED, Split, stream, training_class


def training_bytes(index: int) -> bytes:
    """Make training image `index` as a JPEG file."""
    return encode(render(stream(Split.TRAINING, index), training_class(index), HARD_SHARE[Split.TRAINING]))


def _prepared(index: int) -> Pixels:
    cv2.setNumThreads(1)
    return prepare(training_bytes(index))


def key(count: int) -> str:
    """Identify the images by everything that they depend on: seed, count, libraries and the drawing sources."""
    digest = hashlib.sha256(json.dumps([SEED, count, library_versions()]).encode())
    folder = Path(__file__).resolve().parent
    for path in (*sorted((folder / "drawing").glob("*.py")), folder / "files.py", folder / "pixels.py"):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def load(build: Path, count: int, workers: int) -> tuple[Pixels, NDArray[np.int64]]:
    """Return RGB uint8 [count, 224, 224, 3] and labels (class + 1), drawn unless `build` holds them already."""
    path = build / f"images-{key(count)}.npy"
    labels = np.asarray([training_class(index) + 1 for index in range(count)], np.int64)
    if not path.is_file():
        build.mkdir(parents=True, exist_ok=True)
        images = np.empty((count, SIDE, SIDE, 3), np.uint8)
        with get_context("spawn").Pool(workers) as pool:
            for index, image in enumerate(pool.imap(_prepared, range(count), chunksize=32)):
                images[index] = image
        partial = path.with_suffix(".part")
        with partial.open("wb") as target:
            np.save(target, images)
        partial.replace(path)
    return np.load(path), labels
