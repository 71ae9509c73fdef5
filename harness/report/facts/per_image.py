"""The per-image table as numpy columns, a model at a time, and what changed between two models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.metrics.near_ties import near_ties
from harness.record.columns import flat, numbers_of
from harness.record.schema import RunRecord

if TYPE_CHECKING:
    import pyarrow as pa

SAME, BROKEN, FIXED, CHANGED = range(4)
_NEEDED = ("top1", "top1_probability", "probability_of_label")
_TOP = 5


@dataclass(frozen=True)
class Columns:
    """One model's rows; ``top5`` (n, 5) is filled with -1; a bad image has ``top1`` -1 and NaN elsewhere."""

    top1: NDArray[Any]
    top1_probability: NDArray[Any]
    probability_of_label: NDArray[Any]
    max_abs_diff: NDArray[Any]
    top5: NDArray[Any]
    top5_probabilities: NDArray[Any]

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Bool (n,): the images for which the model has a prediction."""
        answered: NDArray[np.bool_] = (self.top1 >= 0) & np.isfinite(self.top1_probability)
        return answered


@dataclass(frozen=True)
class PerImage:
    """Image ids and the network's labels in the table's order, and the columns of every model that the table has."""

    image_ids: list[str]
    labels: NDArray[Any]
    models: dict[str, Columns]

    def __len__(self) -> int:
        return len(self.image_ids)

    def correct(self, model: str) -> NDArray[np.bool_]:
        """Bool (n,): whether the model's Top-1 is the label."""
        correct: NDArray[np.bool_] = self.models[model].top1 == self.labels
        return correct

    def change(self, reference: str, candidate: str) -> NDArray[np.int8]:
        """Int8 (n,): SAME, BROKEN (right in the reference only), FIXED, or CHANGED (both wrong, another class)."""
        before, after = self.correct(reference), self.correct(candidate)
        other = self.models[reference].top1 != self.models[candidate].top1
        kinds = np.select([before & ~after, ~before & after, ~before & ~after & other], [BROKEN, FIXED, CHANGED], SAME)
        return kinds.astype(np.int8)

    def near_ties(self, reference: str, candidate: str) -> NDArray[np.bool_]:
        """Bool (n,): near-ties of the reference, next to what the candidate usually moves."""
        return near_ties(self.models[reference].top5_probabilities, self.models[candidate].max_abs_diff)

    def loss(self, reference: str, candidate: str) -> NDArray[np.float64]:
        """Float64 (n,): the label's probability, reference minus candidate; NaN if one is missing."""
        before = self.models[reference].probability_of_label.astype(np.float64)
        lost: NDArray[np.float64] = before - self.models[candidate].probability_of_label.astype(np.float64)
        return lost


def per_image(record: RunRecord, table: pa.Table | None) -> PerImage | None:
    """Return the columns of the record's models; None if the run has no table or no image."""
    if table is None or table.num_rows == 0 or not {"image_id", "label"} <= set(table.column_names):
        return None
    names = set(table.column_names)
    models = {
        part.id: _columns(table, part.id)
        for part in record.models
        if {f"{part.id}.{name}" for name in _NEEDED} <= names
    }
    ids = ["" if value is None else str(value) for value in flat(table.column("image_id")).to_pylist()]
    return PerImage(ids, numbers_of(table.column("label")), models)


def pairs(record: RunRecord, images: PerImage | None) -> list[tuple[str, str]]:
    """Return (reference, candidate) of every comparison that the table can show; by role where none was recorded."""
    if images is None:
        return []
    found = [(part.reference, part.candidate) for part in record.comparisons]
    if not found:
        references = [part.id for part in record.models if part.role == "reference"]
        found = [(references[0], part.id) for part in record.models if references and part.role == "candidate"]
    return [pair for pair in found if set(pair) <= set(images.models)]


def _columns(table: pa.Table, model: str) -> Columns:
    top1, probability = (numbers_of(table.column(f"{model}.{name}")) for name in ("top1", "top1_probability"))
    top5, top5_probabilities = _lists(table, f"{model}.top5"), _lists(table, f"{model}.top5_probabilities")
    if top5 is None or top5_probabilities is None:  # only the best class is known
        top5, top5_probabilities = top1[:, None], probability[:, None]
    name = f"{model}.max_abs_diff"
    known = name in table.column_names
    return Columns(
        top1=top1,
        top1_probability=probability,
        probability_of_label=numbers_of(table.column(f"{model}.probability_of_label")),
        max_abs_diff=numbers_of(table.column(name)) if known else np.full(table.num_rows, np.nan, np.float32),
        top5=top5,
        top5_probabilities=top5_probabilities,
    )


def _lists(table: pa.Table, name: str) -> NDArray[Any] | None:
    """Return a column of fixed-size lists as a matrix; None if there is no such column."""
    import pyarrow as pa
    import pyarrow.types as kinds

    if name not in table.column_names:
        return None
    column = flat(table.column(name))
    if not kinds.is_fixed_size_list(column.type) or column.null_count:
        return None
    values: NDArray[Any] = numbers_of(pa.chunked_array([column.flatten()]))
    return values.reshape(table.num_rows, column.type.list_size)[:, :_TOP]
