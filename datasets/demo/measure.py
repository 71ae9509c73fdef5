"""Count what a frozen graph gets right on the evaluation images, under the published preprocessing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.demo.checksums import FOLDER
from datasets.demo.drawing.sketch import Pixels
from datasets.demo.pixels import SIDE, prepare

INPUT = "input"
OUTPUT = "MobilenetV2/Predictions/Reshape_1"
Probabilities = NDArray[np.float32]


@dataclass(frozen=True)
class Counts:
    """Images whose label is the first, and among the first five."""

    top1: int
    top5: int
    total: int


def read_list(folder: Path = FOLDER) -> list[tuple[str, int]]:
    """Return the file names and classes (0..999) of `val.txt`, in its order."""
    rows = (line.split() for line in (folder / "val.txt").read_text(encoding="ascii").splitlines())
    return [(name, int(class_index)) for name, class_index in rows]


def load_images(folder: Path = FOLDER) -> tuple[Pixels, NDArray[np.int64]]:
    """Return the prepared evaluation images, RGB uint8 [n, 224, 224, 3], and their labels (class + 1)."""
    rows = read_list(folder)
    images = np.empty((len(rows), SIDE, SIDE, 3), np.uint8)
    for number, (name, _) in enumerate(rows):
        images[number] = prepare((folder / "val" / name).read_bytes())
    return images, np.asarray([class_index + 1 for _, class_index in rows], np.int64)


def predict(graph: bytes, images: Pixels, batch: int = 40) -> Probabilities:
    """Run the graph on RGB uint8 images scaled to (x - 127.5) / 127.5: float32 [n, 1001]."""
    import tensorflow as tf

    definition: Any = tf.compat.v1.GraphDef()
    definition.ParseFromString(graph)
    with tf.Graph().as_default() as loaded:
        tf.import_graph_def(definition, name="")
        with tf.compat.v1.Session(graph=loaded) as session:
            parts = []
            for start in range(0, len(images), batch):
                pixels = (images[start : start + batch].astype(np.float32) - np.float32(127.5)) / np.float32(127.5)
                parts.append(session.run(f"{OUTPUT}:0", {f"{INPUT}:0": pixels}))
    return np.concatenate(parts).astype(np.float32)


def count(probabilities: Probabilities, labels: NDArray[np.int64]) -> Counts:
    """Count hits; of equal probabilities the lower index comes first."""
    rows = np.arange(len(labels))
    of_label = probabilities[rows, labels][:, None]
    above = (probabilities > of_label).sum(axis=1)
    columns = np.arange(probabilities.shape[1])[None, :]
    tied_before = ((probabilities == of_label) & (columns < labels[:, None])).sum(axis=1)
    rank = above + tied_before
    return Counts(top1=int((rank < 1).sum()), top5=int((rank < 5).sum()), total=len(labels))
