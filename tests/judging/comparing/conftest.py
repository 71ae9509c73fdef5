from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from harness.record.store import write_predictions, write_record
from tests.judging.baseline.runs import model, run

Row = tuple[str, int, dict[str, tuple[int, int, float]]]
Saver = Callable[..., Path]


def table(rows: list[Row]) -> pa.Table:
    """Return a per-image table; a row: image id, label, and by model (top1, rank of the label, its probability)."""
    columns: dict[str, Any] = {
        "image_id": pa.array([row[0] for row in rows], pa.string()),
        "label": pa.array([row[1] for row in rows], pa.int32()),
    }
    for name in rows[0][2] if rows else ():
        columns[f"{name}.top1"] = pa.array([row[2][name][0] for row in rows], pa.int32())
        columns[f"{name}.rank_of_label"] = pa.array([row[2][name][1] for row in rows], pa.int32())
        columns[f"{name}.probability_of_label"] = pa.array([row[2][name][2] for row in rows], pa.float32())
    return pa.table(columns)


@pytest.fixture
def save(tmp_path: Path) -> Saver:
    """Return a function that writes a run with its table into a folder of the given name."""

    def make(name: str, rows: list[Row], **changes: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        models = [model(name) for name in (rows[0][2] if rows else ("tf", "ir"))]
        write_record(folder, run(*models[1:], reference=models[0], **changes))
        write_predictions(folder, table(rows))
        return folder

    return make
