"""The shard table: what all models gave for one shard; unit of checkpoint and of merge."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.disk.arrow_arrays import as_numpy, blobs, numbers, texts
from harness.metrics.outcome import Outcome

_DTYPES: dict[str, type[np.generic]] = {
    "top1": np.int32,
    "top5": np.int32,
    "top5_probabilities": np.float32,
    "probability_of_label": np.float32,
    "top1_probability": np.float32,
    "rank_of_label": np.int32,
    "max_abs_diff": np.float32,
    "mean_abs_diff": np.float64,
}
_SINGLE = {"top1", "probability_of_label", "top1_probability", "rank_of_label", "max_abs_diff", "mean_abs_diff"}


@dataclass(frozen=True)
class Failure:
    """Why a model takes no part. ``unavailable``: its device is absent, and the configuration allows that.

    ``kind``: the error's class in harness.errors.
    """

    message: str
    unavailable: bool = False
    kind: str = "ModelError"


@dataclass(frozen=True)
class ShardTable:
    """One shard's rows, and everything else that came out of it.

    ``image_digests``: the sha256 of every image's bytes (empty if it could not be read); ``signatures``: size and
    modification time, which tell cheaply that a file was not touched; ``bad``: the reason of each bad image by its row
    in the manifest; ``seconds``: time of inference by model; ``inferred``: images that it inferred in that time, while
    a cache may have had others; ``cached``: models of which all probabilities came from a cache; ``latencies``: of each
    request in milliseconds, by model; ``failures``: models that gave nothing, and why; ``reported``: what each model
    states about itself after the shard, as JSON values; ``not_decoded``: how many images came from a store of pixels,
    which a file does not say.
    """

    index: int
    rows: range
    image_digests: tuple[bytes, ...]
    signatures: tuple[str, ...]
    bad: dict[int, str]
    outcomes: dict[str, Outcome]
    seconds: dict[str, float] = field(default_factory=dict)
    inferred: dict[str, int] = field(default_factory=dict)
    cached: frozenset[str] = frozenset()
    latencies: dict[str, list[float]] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    reported: dict[str, dict[str, Any]] = field(default_factory=dict)
    not_decoded: int = 0

    @property
    def is_evaluated(self) -> bool:
        """Whether models were asked; otherwise the shard was only looked through for bad images."""
        return bool(self.outcomes or self.failures)

    def without(self, models: Collection[str]) -> ShardTable:
        """Return the same table without some models."""
        if not {*self.outcomes, *self.failures} & set(models):
            return self
        return dataclasses.replace(
            self,
            outcomes={model: outcome for model, outcome in self.outcomes.items() if model not in models},
            seconds={model: value for model, value in self.seconds.items() if model not in models},
            inferred={model: value for model, value in self.inferred.items() if model not in models},
            cached=self.cached - frozenset(models),
            latencies={model: value for model, value in self.latencies.items() if model not in models},
            failures={model: failure for model, failure in self.failures.items() if model not in models},
            reported={model: value for model, value in self.reported.items() if model not in models},
        )

    def with_failures(self, failures: Mapping[str, Failure]) -> ShardTable:
        """Return the same table with the failures of models that were not asked."""
        return dataclasses.replace(self, failures={**failures, **self.failures}) if failures else self

    def to_arrow(self) -> pa.Table:
        """Return the shard as one Arrow table; the rest is in its metadata."""
        columns: dict[str, pa.Array] = {
            "image_digest": blobs(self.image_digests),
            "signature": texts(self.signatures),
        }
        columns |= outcome_columns(self.outcomes)
        notes = {
            "index": self.index,
            "rows": [self.rows.start, self.rows.stop],
            "bad": {str(row): reason for row, reason in self.bad.items()},
            "models": list(self.outcomes),
            "seconds": self.seconds,
            "inferred": self.inferred,
            "cached": sorted(self.cached),
            "latencies": self.latencies,
            "failures": {model: dataclasses.asdict(failure) for model, failure in self.failures.items()},
            "reported": self.reported,
        }
        return pa.table(columns).replace_schema_metadata({"harness": json.dumps(notes)})

    @classmethod
    def from_arrow(cls, table: pa.Table) -> ShardTable:
        """Read back what ``to_arrow`` gave. Raises ValueError if it is anything else."""
        try:
            notes = json.loads((table.schema.metadata or {})[b"harness"])
            shard = cls(
                index=notes["index"],
                rows=range(*notes["rows"]),
                image_digests=tuple(table["image_digest"].to_pylist()),
                signatures=tuple(table["signature"].to_pylist()),
                bad={int(row): reason for row, reason in notes["bad"].items()},
                outcomes={model: outcome_from(table, model) for model in notes["models"]},
                seconds=notes["seconds"],
                inferred=notes.get("inferred", {}),  # not in tables of older versions
                cached=frozenset(notes["cached"]),
                latencies=notes["latencies"],
                failures={model: Failure(**failure) for model, failure in notes["failures"].items()},
                reported=dict(notes["reported"]),
            )
            sound = shard.is_plausible
        except (
            KeyError,
            TypeError,
            AttributeError,
            IndexError,
            OverflowError,
            RecursionError,
            pa.ArrowException,
        ) as error:
            raise ValueError(f"not a shard table: {error}") from None
        if not sound:
            raise ValueError("not a shard table: a value has the wrong type or length")
        return shard

    @property
    def is_plausible(self) -> bool:
        """Whether everything has its type and its length: what was read from a file may hold anything."""
        count = len(self.rows)
        return (
            type(self.index) is int
            and self.rows.step == 1
            and 0 <= self.rows.start <= self.rows.stop
            and len(self.image_digests) == len(self.signatures) == count
            and all(isinstance(item, bytes) and len(item) in (0, 32) for item in self.image_digests)
            and all(isinstance(item, str) for item in (*self.signatures, *self.bad.values(), *self.cached))
            and all(row in self.rows for row in self.bad)
            and all(isinstance(model, str) and is_plausible(outcome, count) for model, outcome in self.outcomes.items())
            and all(_are_numbers([value]) for value in self.seconds.values())
            and all(type(value) is int and 0 <= value <= count for value in self.inferred.values())
            and all(isinstance(values, list) and _are_numbers(values) for values in self.latencies.values())
            and all(_is_failure(failure) for failure in self.failures.values())
            and all(isinstance(part, dict) for part in self.reported.values())
        )


def outcome_columns(outcomes: dict[str, Outcome]) -> dict[str, pa.Array]:
    """Return Arrow columns called ``<model>.<field>``; Top-5 fields are lists of five."""
    columns = {}
    for model, outcome in outcomes.items():
        for name, array in outcome.columns().items():
            flat = numbers(np.ascontiguousarray(array).reshape(-1))
            columns[f"{model}.{name}"] = (
                flat if name in _SINGLE else pa.FixedSizeListArray.from_arrays(flat, array.shape[1])
            )
    return columns


def outcome_from(table: pa.Table, model: str) -> Outcome:
    """Return a model's outcome from a table that has its columns. Raises KeyError if one is missing."""
    return Outcome.from_columns(
        {
            name: _as_numpy(table[f"{model}.{name}"].combine_chunks(), single=name in _SINGLE)
            for name in Outcome.__dataclass_fields__
        }
    )


def _as_numpy(column: pa.Array, *, single: bool) -> NDArray[np.generic]:
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    if single:
        return as_numpy(column)
    width = column.type.list_size
    return as_numpy(column.flatten()).reshape(-1, width)


def is_plausible(outcome: Outcome, count: int) -> bool:
    """Return whether an outcome has ``count`` rows of the right types, with classes and numbers that can be.

    A bad image has no answer; every other one has a rank from 1, probabilities that are numbers, and its best class
    first among the five.
    """
    bad, good = outcome.is_bad, ~outcome.is_bad
    for name, array in outcome.columns().items():
        width = {"top5": outcome.top5.shape[1:], "top5_probabilities": outcome.top5.shape[1:]}.get(name, ())
        if array.dtype != _DTYPES[name] or array.shape != (count, *width):
            return False
    numbers = (outcome.top5_probabilities, outcome.probability_of_label, outcome.top1_probability)
    return bool(
        (outcome.top1[bad] == -1).all()
        and (outcome.top1[good] >= 0).all()
        and (outcome.top5[good] >= -1).all()
        and (outcome.top5.shape[1] == 0 or (outcome.top5[good, 0] == outcome.top1[good]).all())
        and all(np.isfinite(array[good]).all() for array in numbers)
        and not (outcome.max_abs_diff[good] < 0).any()
        and not (outcome.mean_abs_diff[good] < 0).any()
    )


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(type(value) in (int, float) and 0 <= value < float("inf") for value in values)


def _is_failure(failure: Failure) -> bool:
    return isinstance(failure.message, str) and isinstance(failure.kind, str) and type(failure.unavailable) is bool


def merge_outcomes(tables: Sequence[ShardTable], model: str) -> Outcome:
    """Return a model's rows over all shards, in manifest order, regardless of the order of ``tables``."""
    ordered = sorted(tables, key=lambda table: table.rows.start)
    return Outcome.concatenate([table.outcomes[model] for table in ordered])
