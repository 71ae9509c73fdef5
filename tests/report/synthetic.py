"""Per-image tables of any size with made-up answers: for the size of pages, and for pictures that are really there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from harness.record.schema import RunRecord
from tests.report import records

CLASSES = 1001


def run(images: int, candidates: int = 1, flips: float = 0.02, seed: int = 7) -> tuple[RunRecord, pa.Table]:
    """Return a record and its table: candidates that answer otherwise on a share ``flips`` of the images."""
    ids = [f"cpu-{number:02d}" for number in range(candidates)]
    random = np.random.default_rng(seed)
    labels = random.integers(1, CLASSES, images).astype(np.int32)
    columns: dict[str, Any] = {
        "image_id": pa.array([f"ILSVRC2012_val_{number:08d}.JPEG" for number in range(1, images + 1)]),
        "label": pa.array(labels),
    }
    right = random.random(images) < 0.7
    guesses = _top5(random, labels, right)
    confidence = random.beta(5, 2, images).astype(np.float32)
    columns |= _model("tf", guesses, confidence, labels, np.zeros(images, np.float32))
    for name in ids:
        other = random.random(images) < flips
        moved = (10 ** random.normal(-5, 1, images)).clip(1e-9, 0.4).astype(np.float32)
        own = np.where(other[:, None], _top5(random, labels, random.random(images) < 0.5), guesses).astype(np.int32)
        columns |= _model(name, own, (confidence - moved).clip(0, 1), labels, moved)
    record = records.record(
        exit_code=0,
        dataset=records.dataset(images=images, listed=images, evaluated=images),
        models=(records.model("tf"), *(records.model(name) for name in ids)),
        comparisons=tuple(records.comparison(name) for name in ids),
        gates=tuple(gate.model_copy(update={"model": ids[0]}) for gate in (records.PARITY_PASS, records.DROP_PASS)),
    )
    return record, pa.table(columns)


def _top5(random: np.random.Generator, labels: NDArray[np.int32], right: NDArray[np.bool_]) -> NDArray[np.int32]:
    first = np.where(right, labels, (labels + random.integers(1, 500, len(labels))) % CLASSES)
    return np.asarray((first[:, None] + np.array([0, 3, 11, 40, 77])) % CLASSES, np.int32)


def _model(
    name: str,
    guesses: NDArray[np.int32],
    confidence: NDArray[np.float32],
    labels: NDArray[np.int32],
    moved: NDArray[np.float32],
) -> dict[str, Any]:
    shares = np.array([1.0, 0.1, 0.05, 0.02, 0.01], np.float32)
    probabilities = (confidence[:, None] * shares).astype(np.float32)
    hit = guesses[:, 0] == labels
    values: dict[str, Any] = {
        "top1": guesses[:, 0],
        "top1_probability": confidence,
        "probability_of_label": np.where(hit, confidence, confidence * 0.1).astype(np.float32),
        "rank_of_label": np.where(hit, 1, 9).astype(np.int32),
        "max_abs_diff": moved,
    }
    columns = {f"{name}.{key}": pa.array(np.ascontiguousarray(value)) for key, value in values.items()}
    columns[f"{name}.top5"] = pa.FixedSizeListArray.from_arrays(pa.array(guesses.ravel()), 5)
    columns[f"{name}.top5_probabilities"] = pa.FixedSizeListArray.from_arrays(pa.array(probabilities.ravel()), 5)
    return columns


def write_images(folder: Path, table: pa.Table, size: int = 96) -> None:
    """Write a noisy picture for every row of the table, and the label list beside the folder."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(3)
    names, labels = table.column("image_id").to_pylist(), table.column("label").to_pylist()
    for name in names:
        coarse = random.integers(0, 255, (12, 12, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((size, size)).save(folder / name, format="PNG")
    lines = [f"{name} {label - 1}" for name, label in zip(names, labels, strict=True)]
    (folder.parent / f"{folder.name}.txt").write_text("\n".join(lines), encoding="utf-8")


def with_images(record: RunRecord, folder: Path) -> RunRecord:
    """Return the record with a configuration that names ``folder`` as its data set."""
    dataset = {"path": str(folder), "labels": str(folder.parent / f"{folder.name}.txt"), "preprocess": {"size": 64}}
    fed = {"name": "input", "mean": 127.5, "scale": 127.5}
    config = {
        "dataset": dataset,
        "reference": {"id": "tf", "input": {**fed, "color": "RGB"}},
        "candidates": [{"id": part.id, "input": {"name": "input", "color": "BGR"}} for part in record.models[1:]],
        "published": {"top1_percent": 71.85, "top5_percent": 90.69},
    }
    return record.model_copy(update={"config": config})
