"""Compare two runs on the same images: agreement, flips and drop of every model that both have.

A is the run before, B the run after; a drop is A minus B, so a loss is positive. Images are joined by id, never by
position; two runs of different images, or of different labels, are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import BaselineError
from harness.judging.chance import faults_of_record
from harness.judging.comparing.settings import Change, changes
from harness.judging.recount import sound_record
from harness.metrics.statistics import mcnemar_exact, paired_drop
from harness.record.columns import numbers_of
from harness.record.schema import Agreement, Drop, Flips, RunRecord
from harness.record.store import read_predictions, read_record
from harness.text import printable, visible

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN = 5
_EXAMPLES = 10
_MODEL_FIELDS = ("role", "backend", "device", "device_name", "precision", "model", "model_sha256")


@dataclass(frozen=True)
class FlippedImage:
    """An image whose Top-1 correctness differs; ``broken``: correct in A only. Classes are the network's; -1: bad."""

    image_id: str
    label: int
    broken: bool
    top1_a: int
    top1_b: int


@dataclass(frozen=True)
class ModelPair:
    """One model in both runs. ``max_label_probability_diff``: largest change of the true label's probability.

    ``flipped``: up to ten flips, in run A's order of images.
    """

    id: str
    role: str
    top1_agreement: Agreement
    flips: Flips
    drop: Drop
    max_label_probability_diff: float | None
    worst_image: str | None
    flipped: tuple[FlippedImage, ...]


@dataclass(frozen=True)
class RunPair:
    """Two runs of the same images. ``only_in_a``, ``only_in_b``: models that the other run does not have.

    ``warnings``: what makes the comparison less than it seems.
    """

    a: RunRecord
    b: RunRecord
    images: int
    models: tuple[ModelPair, ...]
    only_in_a: tuple[str, ...]
    only_in_b: tuple[str, ...]
    config: tuple[Change, ...]
    environment: tuple[Change, ...]
    model_facts: tuple[Change, ...]
    warnings: tuple[str, ...]


def compare_runs(a: Path, b: Path) -> RunPair:
    """Compare two run folders (or their run.json).

    Raises RecordError if one cannot be read, BaselineError if they are not comparable: a run is not finished, their
    images or labels differ, or they share no model.
    """
    record_a, record_b = read_record(a), read_record(b)
    table_a, table_b = table_of(a, record_a), table_of(b, record_b)
    record_a, record_b = sound_record(record_a, table_a), sound_record(record_b, table_b)
    rows = rows_of_b(a, table_a, b, table_b)
    known_a, known_b = models_of(record_a, table_a), models_of(record_b, table_b)
    shared = [name for name in known_a if name in known_b]
    if not shared:
        raise BaselineError(
            f"{a} has the models {', '.join(known_a) or 'none'}, {b} has {', '.join(known_b) or 'none'}: no "
            "model is in both, so there is nothing to compare"
        )
    roles = {model.id: model.role for model in record_a.models}
    return RunPair(
        a=record_a,
        b=record_b,
        images=table_a.num_rows,
        models=tuple(_pair(name, roles[name], table_a, table_b, rows) for name in shared),
        only_in_a=tuple(name for name in known_a if name not in known_b),
        only_in_b=tuple(name for name in known_b if name not in known_a),
        config=tuple(changes(record_a.config, record_b.config)),
        environment=tuple(changes(record_a.environment, record_b.environment)),
        model_facts=tuple(changes(_facts(record_a, shared), _facts(record_b, shared))),
        warnings=tuple(_warnings(record_a, record_b, same_order=bool((rows == np.arange(len(rows))).all()))),
    )


def _warnings(a: RunRecord, b: RunRecord, *, same_order: bool) -> Iterator[str]:
    for name, record in (("A", a), ("B", b)):
        for _, fault in faults_of_record(record):
            yield f"in {name}, {printable(fault)}"
    one, two = a.dataset.content_fingerprint, b.dataset.content_fingerprint
    if same_order and one and two and one != two:  # the fingerprint follows the order
        yield (
            "the images have the same ids and labels in both runs, but different content (content fingerprints differ)"
        )


def table_of(run: Path, record: RunRecord) -> pa.Table:
    """Return the per-image table of a finished run. Raises BaselineError if it has none that can be compared."""
    if record.status != "complete":
        raise BaselineError(f"{run}: the run is '{record.status}', not complete; only complete runs can be compared")
    table = read_predictions(run)
    if table is None:
        raise BaselineError(f"{run}: has no predictions.parquet, without which no image can be compared")
    if not {"image_id", "label"} <= set(table.column_names):
        raise BaselineError(f"{run}: its predictions.parquet has no image_id or no label")
    _refuse_other_types(run, table)
    if table.num_rows == 0:
        raise BaselineError(f"{run}: evaluated no image, so there is nothing to compare")
    return table


def _refuse_other_types(run: Path, table: pa.Table) -> None:
    import pyarrow.types as kinds

    kind_of = {"image_id": kinds.is_string, "probability_of_label": kinds.is_floating}
    for column in table.schema:
        name = column.name if column.name == "image_id" else column.name.rpartition(".")[2]
        known = name in ("label", "top1", "rank_of_label", *kind_of)
        if known and not kind_of.get(name, kinds.is_integer)(column.type):
            raise BaselineError(
                f"{run}: in its predictions.parquet, {column.name} is of type {column.type}; the harness did not "
                "write it like that; run `harness validate` again"
            )


def models_of(record: RunRecord, table: pa.Table) -> list[str]:
    """Return the models of a run that its per-image table has."""
    columns = set(table.column_names)
    needed = ("top1", "rank_of_label", "probability_of_label")
    return [model.id for model in record.models if {f"{model.id}.{name}" for name in needed} <= columns]


def rows_of_b(path_a: Path, a: pa.Table, path_b: Path, b: pa.Table) -> NDArray[np.int64]:
    """Return int64 (n,): the row in B of each row of A. Raises BaselineError unless images and labels are the same."""
    ids_a, ids_b = a.column("image_id").to_pylist(), b.column("image_id").to_pylist()
    places = {name: row for row, name in enumerate(ids_b)}
    for path, ids, distinct in ((path_a, ids_a, len(set(ids_a))), (path_b, ids_b, len(places))):
        if distinct != len(ids):
            raise BaselineError(f"{path}: {len(ids) - distinct} images appear twice in its predictions.parquet")
    known = set(ids_a)
    alone_a, alone_b = [name for name in ids_a if name not in places], [name for name in ids_b if name not in known]
    if alone_a or alone_b:
        differences = [f"{len(ids_a):,} images in {path_a}, {len(ids_b):,} in {path_b}"]
        for path, alone in ((path_a, alone_a), (path_b, alone_b)):
            differences += [f"only in {path}: {len(alone):,}, such as {_some(alone)}"] if alone else []
        raise BaselineError(
            f"the two runs have different images: {'; '.join(differences)}; evaluate the same image set for both"
        )
    rows = np.fromiter((places[name] for name in ids_a), np.int64, len(ids_a))
    labels_a, labels_b = numbers_of(a.column("label")), numbers_of(b.column("label"))[rows]
    differing = np.flatnonzero(labels_a != labels_b)
    if len(differing):
        examples = [f"{ids_a[row]} ({labels_a[row]}, {labels_b[row]})" for row in differing[: _SHOWN + 1].tolist()]
        raise BaselineError(
            f"the two runs have different labels for {len(differing):,} of {len(ids_a):,} images (in {path_a}, in "
            f"{path_b}), such as {_some(examples)}. evaluate both with the same labels"
        )
    return rows


def _some(names: list[str]) -> str:
    return ", ".join(visible(name) for name in names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def _pair(name: str, role: str, a: pa.Table, b: pa.Table, rows: NDArray[np.int64]) -> ModelPair:
    top1_a, top1_b = numbers_of(a.column(f"{name}.top1")), numbers_of(b.column(f"{name}.top1"))[rows]
    rank_a, rank_b = numbers_of(a.column(f"{name}.rank_of_label")), numbers_of(b.column(f"{name}.rank_of_label"))[rows]
    right_a, right_b = rank_a == 1, rank_b == 1
    broken, fixed = right_a & ~right_b, ~right_a & right_b
    compared = (top1_a >= 0) & (top1_b >= 0)
    same, total = int((compared & (top1_a == top1_b)).sum()), int(compared.sum())
    largest, worst = _largest_change(name, a, b, rows)
    ids, labels = a.column("image_id"), numbers_of(a.column("label"))
    return ModelPair(
        id=name,
        role=role,
        top1_agreement=Agreement(count=same, total=total, percent=100 * same / total if total else None),
        flips=Flips(
            fixed=int(fixed.sum()),
            broken=int(broken.sum()),
            changed_wrong=int((~right_a & ~right_b & (top1_a != top1_b)).sum()),
        ),
        drop=_drop(rank_a, rank_b),
        max_label_probability_diff=largest,
        worst_image=None if worst is None else ids[worst].as_py(),
        flipped=tuple(
            FlippedImage(ids[row].as_py(), int(labels[row]), bool(broken[row]), int(top1_a[row]), int(top1_b[row]))
            for row in np.flatnonzero(broken | fixed)[:_EXAMPLES].tolist()
        ),
    )


def _drop(rank_a: NDArray[np.int32], rank_b: NDArray[np.int32]) -> Drop:
    total, found = len(rank_a), {}
    for k in (1, 5):
        right_a, right_b = (rank_a >= 1) & (rank_a <= k), (rank_b >= 1) & (rank_b <= k)
        found[k] = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
    low1, high1 = paired_drop(*found[1], total)
    low5, high5 = paired_drop(*found[5], total)
    return Drop(
        top1_pp=100 * (found[1][0] - found[1][1]) / total,
        top5_pp=100 * (found[5][0] - found[5][1]) / total,
        top1_ci95_pp=(100 * low1, 100 * high1),
        top5_ci95_pp=(100 * low5, 100 * high5),
        top1_p_value=mcnemar_exact(*found[1]),
    )


def _largest_change(name: str, a: pa.Table, b: pa.Table, rows: NDArray[np.int64]) -> tuple[float | None, int | None]:
    column = f"{name}.probability_of_label"
    before = numbers_of(a.column(column)).astype(np.float64)
    difference = np.abs(before - numbers_of(b.column(column)).astype(np.float64)[rows])
    finite = np.isfinite(difference)
    if not finite.any():
        return None, None
    worst = int(np.argmax(np.where(finite, difference, -1)))
    return float(difference[worst]), worst


def _facts(record: RunRecord, shared: list[str]) -> dict[str, Any]:
    return {
        model.id: model.model_dump(mode="json", include=set(_MODEL_FIELDS)) | {"details": model.details}
        for model in record.models
        if model.id in shared
    }
