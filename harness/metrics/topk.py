"""Top-k in exact integers. Ties: the higher probability first, then the lower class index."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TOP = 5


def top_k(probabilities: NDArray[np.float32], k: int = TOP) -> NDArray[np.int32]:
    """Return int32 (n, k): the classes with the k largest of float32 (n, classes), best first.

    A network with fewer than k classes is filled up with -1, which is not a class. Raises ValueError for k < 1, for NaN
    and for numbers that are not floating-point (negating unsigned ones would turn their order around).
    """
    _check(probabilities)
    if k < 1:
        raise ValueError("k must be at least 1")
    images, classes = probabilities.shape
    result = np.full((images, k), -1, np.int32)
    kept = min(k, classes)
    if images == 0:
        return result
    # Everything at or above the k-th largest value takes part, so that no tie is cut at random by the partition.
    threshold = np.partition(probabilities, classes - kept, axis=1)[:, classes - kept, None]
    for row, candidates in enumerate(probabilities >= threshold):
        indices = np.flatnonzero(candidates)
        order = np.argsort(-probabilities[row, indices], kind="stable")
        result[row, :kept] = indices[order[:kept]]
    return result


def rank_of_label(probabilities: NDArray[np.float32], labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return int32 (n,): the rank of each label among its image's probabilities, 1 = best.

    ``probabilities``: float32 (n, classes); ``labels``: int32 (n,), 0 <= label < classes. Raises ValueError if a label
    is out of range, for NaN and for numbers that are not floating-point.
    """
    _check(probabilities)
    images, classes = probabilities.shape
    if labels.shape != (images,):
        raise ValueError(f"{images} images, but labels of shape {labels.shape}")
    if images and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(f"a label is outside 0..{classes - 1}")
    own = np.take_along_axis(probabilities, labels[:, None].astype(np.int64), axis=1)
    better = probabilities > own
    better |= (probabilities == own) & (np.arange(classes) < labels[:, None])
    return np.asarray(better.sum(axis=1) + 1, np.int32)


def _check(probabilities: NDArray[np.float32]) -> None:
    if probabilities.ndim != 2:
        raise ValueError(f"probabilities of shape {probabilities.shape}, (images, classes) wanted")
    if probabilities.shape[1] == 0:
        raise ValueError("probabilities without classes")
    if not np.issubdtype(probabilities.dtype, np.floating):
        raise ValueError(f"probabilities of type {probabilities.dtype}, floating-point numbers wanted")
    if np.isnan(probabilities).any():
        raise ValueError("probabilities contain NaN, which has no rank")
