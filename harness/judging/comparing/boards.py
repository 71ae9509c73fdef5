"""Many runs of the same images against the same reference, as one table: one row for each candidate on its device.

It judges nothing again: verdicts and figures are those of the records. What it decides is whether they may stand side
by side, and it refuses runs of other images, labels, capsules or references.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import BaselineError
from harness.judging.comparing.runs import models_of, rows_of_b, table_of
from harness.judging.comparing.settings import changes
from harness.judging.recount import sound_record
from harness.judging.tradeoff import Standing, deciding_gates, standing
from harness.record.columns import numbers_of
from harness.record.schema import ComparisonPart, ModelPart, RunRecord
from harness.record.store import read_record

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class BoardRow:
    """A candidate in one of the runs. ``gates``: the verdict of each of its gates; ``deciding``: those against it.

    ``comparison``: with the reference, None if there is none.
    """

    run: str
    model: ModelPart
    comparison: ComparisonPart | None
    gates: dict[str, str]
    standing: Standing
    deciding: tuple[str, ...]


@dataclass(frozen=True)
class Boards:
    """The runs that were finished, in the order given, and their candidates.

    ``unfinished``: (run, status, reason) of the others, which are of the same capsule. ``warnings``: what makes the
    rows less comparable than they seem.
    """

    runs: tuple[tuple[str, RunRecord], ...]
    images: int
    reference: ModelPart | None
    rows: tuple[BoardRow, ...]
    unfinished: tuple[tuple[str, str, str], ...]
    warnings: tuple[str, ...]


def compare_boards(runs: Sequence[Path]) -> Boards:
    """Bring runs together, given as folders or their run.json.

    Raises RecordError if one cannot be read or believed, BaselineError if they are not comparable.
    """
    records = [(str(run), read_record(run)) for run in runs]
    _refuse_twice(records)
    finished = [(name, record) for name, record in records if record.status == "complete"]
    if not finished:
        raise BaselineError(f"none of the {len(records)} runs is complete; there is nothing to compare")
    unfinished = [(name, record) for name, record in records if record.status != "complete"]
    first_name, first = finished[0]
    for name, record in unfinished:
        if first.dataset.capsule is None or record.dataset.capsule != first.dataset.capsule:
            raise BaselineError(
                f"{name}: the run is '{record.status}', not complete, and it is unknown whether it has the same "
                "images; leave it out, or finish it"
            )
    tables = {name: table_of(Path(name), record) for name, record in finished}
    finished = [(name, sound_record(record, tables[name])) for name, record in finished]
    first = finished[0][1]
    for name, record in finished[1:]:
        _refuse_other(first_name, first, tables[first_name], name, record, tables[name])
    references = [part for part in first.models if part.role == "reference"]
    return Boards(
        runs=tuple(finished),
        images=tables[first_name].num_rows,
        reference=references[0] if references else None,
        rows=tuple(row for name, record in finished for row in _rows(name, record)),
        unfinished=tuple((name, record.status, record.error or "no reason is recorded") for name, record in unfinished),
        warnings=tuple(_warnings(finished, tables)),
    )


def _refuse_twice(records: Sequence[tuple[str, RunRecord]]) -> None:
    seen: dict[Path, str] = {}
    for name, record in records:
        folder = record.stored_in.resolve()
        if folder in seen:
            raise BaselineError(f"{name}: is the same run as {seen[folder]}; give each run once")
        seen[folder] = name
    if len(records) < 2:
        raise BaselineError(f"{records[0][0]}: is the only run; give at least two")


def _refuse_other(one: str, a: RunRecord, table_a: pa.Table, other: str, b: RunRecord, table_b: pa.Table) -> None:
    """Raise BaselineError unless two runs are of one capsule where both are of any, one reference and one image set."""
    capsules = a.dataset.capsule, b.dataset.capsule
    if None not in capsules and capsules[0] != capsules[1]:
        raise BaselineError(
            f"{one} and {other} are runs of different capsules (sha256 {_short(capsules[0])} and "
            f"{_short(capsules[1])}); run the same capsule everywhere"
        )
    references = [
        next(((part.id, part.model_sha256) for part in record.models if part.role == "reference"), None)
        for record in (a, b)
    ]
    if references[0] != references[1]:
        named = [f"{pair[0]} {_short(pair[1])}" if pair else "none" for pair in references]
        raise BaselineError(
            f"{one} and {other} have different references ({named[0]} and {named[1]}); run both with the same one"
        )
    rows = rows_of_b(Path(one), table_a, Path(other), table_b)
    contents = a.dataset.content_fingerprint, b.dataset.content_fingerprint
    same_order = bool((rows == np.arange(len(rows))).all())
    if same_order and None not in contents and contents[0] != contents[1]:
        raise BaselineError(
            f"{one} and {other} have the same image ids and labels, but different image content (content "
            "fingerprints differ); evaluate the same images"
        )


def _short(sha256: str | None) -> str:
    return f"{(sha256 or '')[:12]}..."


def _rows(name: str, record: RunRecord) -> Iterator[BoardRow]:
    compared = {part.candidate: part for part in record.comparisons}
    for model in record.models:
        if model.role != "candidate":
            continue
        own = [gate for gate in record.gates if gate.model == model.id]
        yield BoardRow(
            run=name,
            model=model,
            comparison=compared.get(model.id),
            gates={gate.gate: gate.verdict for gate in own},
            standing=standing(model.id, record.models, record.gates),
            deciding=tuple(dict.fromkeys(deciding_gates(model.id, record.gates))),
        )


def _warnings(finished: Sequence[tuple[str, RunRecord]], tables: dict[str, pa.Table]) -> Iterator[str]:
    (one, first), *others = finished
    for name, record in others:
        for change in changes(first.config.get("gates"), record.config.get("gates")):
            yield (
                f"{change.key or 'gates'} is {change.a} in {one} and {change.b} in {name}, so they are judged "
                "by different limits"
            )
        reference = next((part.id for part in first.models if part.role == "reference"), None)
        if reference is None or reference not in models_of(first, tables[one]):
            continue
        rows = rows_of_b(Path(one), tables[one], Path(name), tables[name])
        column = f"{reference}.probability_of_label"
        before, after = numbers_of(tables[one].column(column)), numbers_of(tables[name].column(column))[rows]
        if not np.array_equal(before, after, equal_nan=True):
            largest = float(np.nanmax(np.abs(before.astype(np.float64) - after)))
            yield (
                f"the reference {reference} gave different answers in {name} than in {one}, by up to "
                f"{largest:.2g}; with a capsule, all runs would have the same reference"
            )
