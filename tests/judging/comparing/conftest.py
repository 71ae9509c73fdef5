from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness.dataset.manifest import Manifest
from harness.judging.comparison import compare
from harness.metrics.compare import correct_at
from harness.metrics.outcome import Outcome
from harness.record.shard_table import outcome_columns
from harness.record.store import write_predictions, write_record
from tests.judging.baseline.runs import model, run

Row = tuple[str, int, dict[str, tuple[int, int, float]]]
Saver = Callable[..., Path]


def outcomes(rows: list[Row]) -> dict[str, Outcome]:
    """Return the rows of each model, the label at its rank among the five where it is one of them."""
    found = {}
    for name in rows[0][2] if rows else ():
        answers = [(row[1], *row[2][name]) for row in rows]
        top5 = np.full((len(rows), 5), -1, np.int32)
        for place, (label, top1, rank, _) in enumerate(answers):
            top5[place, 0] = top1
            if 2 <= rank <= 5:
                top5[place, rank - 1] = label
        probability = np.array([answer[3] for answer in answers], np.float32)
        found[name] = Outcome(
            top1=top5[:, 0].copy(),
            top5=top5,
            top5_probabilities=np.where(np.isnan(probability)[:, None], np.nan, np.zeros((1, 5))).astype(np.float32),
            probability_of_label=probability,
            top1_probability=probability,
            rank_of_label=np.array([answer[2] for answer in answers], np.int32),
            max_abs_diff=np.zeros(len(rows), np.float32),
            mean_abs_diff=np.zeros(len(rows), np.float64),
        )
    return found


def table(rows: list[Row]) -> pa.Table:
    """Return a per-image table; a row: image id, label, and by model (top1, rank of the label, its probability)."""
    columns: dict[str, Any] = {
        "image_id": pa.array([row[0] for row in rows], pa.string()),
        "label": pa.array([row[1] for row in rows], pa.int32()),
    }
    return pa.table(columns | outcome_columns(outcomes(rows)))


@pytest.fixture
def save(tmp_path: Path) -> Saver:
    """Return a function that writes a run with its table, whose counts it has, into a folder of the given name."""

    def make(name: str, rows: list[Row], *, device: str = "CPU", **changes: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        given, ids = outcomes(rows), tuple(row[0] for row in rows)
        models = [
            model(
                name,
                top1=int(correct_at(given[name], 1).sum()) if given else 0,
                top5=int(correct_at(given[name], 5).sum()) if given else 0,
                total=max(1, len(rows)),
                device="CPU" if name == "tf" else device,
            )
            for name in (given or ("tf", "ir"))
        ]
        if given:
            first, *others = given
            parts = tuple(compare(first, given[first], other, given[other], ids) for other in others)
            labels = np.array([row[1] for row in rows], np.int32)
            made = {"comparisons": parts, "fingerprint": Manifest(ids, labels).fingerprint()}
            changes = {**made, **changes}
        write_record(folder, run(*models[1:], reference=models[0], **changes))
        write_predictions(folder, table(rows))
        return folder

    return make
