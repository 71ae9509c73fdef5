"""The per-image table as the page carries it: small whole numbers, compressed; 50,000 images in about a megabyte.

A probability p is stored as round(p * 65534) in 16 bits, 65535 for none: an error below 8e-6. A largest difference is
the upper half of its 32-bit float: 2 to 3 significant digits. Exact figures are in `predictions.parquet`.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.report.facts.per_image import PerImage

NONE = 65535
_STEPS = 65534
_FEWEST_ROWS = 200


def compact_table(
    images: PerImage, models: Sequence[str], budget: int, compared: Sequence[tuple[str, str]] = ()
) -> dict[str, Any]:
    """Return the table within about ``budget`` bytes: all images, or those with the largest differences, in run order.

    ``columns``: name and number of bytes a value (2 or 4), in the order in which they follow each other in ``packed``,
    little endian, deflated, as base64. ``models`` are named by their position in the page's list;
    ``compared``: (reference, candidate) pairs whose near-ties are marked.
    """
    total = len(images)
    rows = np.arange(total)
    packed = _pack(images, models, rows, compared)
    while len(packed["packed"]) + len(packed["ids"]) > budget and len(rows) > _FEWEST_ROWS:
        share = budget / (len(packed["packed"]) + len(packed["ids"]))
        keep = max(_FEWEST_ROWS, int(len(rows) * share * 0.97))
        rows = np.sort(_most_different(images, models)[:keep])
        packed = _pack(images, models, rows, compared)
    return {"images": total, "shown": len(rows), **packed}


def _pack(
    images: PerImage, models: Sequence[str], rows: NDArray[np.intp], compared: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    wide = max([int(images.labels.max(initial=0)), *(int(images.models[name].top1.max(initial=0)) for name in models)])
    whole = "<u2" if wide < NONE else "<u4"
    columns: dict[str, NDArray[Any]] = {"label": _whole(images.labels[rows], whole)}
    for place, name in enumerate(models):
        model = images.models[name]
        columns[f"{place}.top1"] = _whole(model.top1[rows], whole)
        columns[f"{place}.confidence"] = _probability(model.top1_probability[rows])
        columns[f"{place}.label"] = _probability(model.probability_of_label[rows])
        columns[f"{place}.difference"] = _upper_half(model.max_abs_diff[rows])
    for reference, candidate in compared:
        columns[f"{models.index(candidate)}.near_tie"] = images.near_ties(reference, candidate)[rows].astype("<u2")
    ids = json.dumps([images.image_ids[row] for row in rows.tolist()])
    return {
        "columns": [[name, array.dtype.itemsize] for name, array in columns.items()],
        "packed": _deflated(b"".join(array.tobytes() for array in columns.values())),
        "ids": _deflated(ids.encode("ascii")),
    }


def _most_different(images: PerImage, models: Sequence[str]) -> NDArray[np.intp]:
    """Return all rows, those with an answer that differs from the first model's first, then by largest difference."""
    different = np.stack([np.nan_to_num(images.models[name].max_abs_diff, nan=np.inf) for name in models]).max(axis=0)
    other = np.stack([images.models[name].top1 != images.models[models[0]].top1 for name in models]).any(axis=0)
    order: NDArray[np.intp] = np.lexsort((-different, ~other))
    return order


def _whole(values: NDArray[Any], kind: str) -> NDArray[Any]:
    none = np.iinfo(kind).max
    return np.where(values < 0, none, values).astype(kind)


def _probability(values: NDArray[Any]) -> NDArray[Any]:
    known = np.isfinite(values)
    steps = np.rint(np.clip(np.where(known, values, 0), 0, 1).astype(np.float64) * _STEPS)
    return np.where(known, steps, NONE).astype("<u2")


def _upper_half(values: NDArray[Any]) -> NDArray[Any]:
    """Return float32 values rounded to their upper 16 bits; a NaN stays one."""
    bits = values.astype("<f4").view("<u4")
    upper = ((bits.astype(np.uint64) + 0x8000) >> 16).astype("<u2")
    return np.where(np.isnan(values), np.uint16(0x7FC0), upper).astype("<u2")


def _deflated(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 9)).decode()
