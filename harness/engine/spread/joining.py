"""One shard table of the tables that several groups of models gave for the same shard."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from harness.engine.spread.placement import Group
from harness.errors import DatasetError
from harness.record.shard_table import ShardTable


def joined(tables: Mapping[int, ShardTable], order: Sequence[str], groups: Sequence[Group]) -> ShardTable:
    """Return one table of those of several groups, by the place of each in ``groups``; ``order``: of the models in it.

    Each group's models count from its own table. Raises DatasetError if the groups saw other images.
    """
    first = tables[0]
    if len(tables) == 1:
        return first
    if any(table.image_digests != first.image_digests for table in tables.values()):
        raise DatasetError(
            f"rows {first.rows.start} to {first.rows.stop - 1}: an image has different bytes on different nodes; "
            "give all nodes the same image set"
        )
    by_model = {model: table for place, table in tables.items() for model in groups[place].models}

    def of(name: str) -> dict[str, Any]:
        found = {model: getattr(by_model[model], name) for model in order if model in by_model}
        return {model: values[model] for model, values in found.items() if model in values}

    return dataclasses.replace(
        first,
        outcomes=of("outcomes"),
        seconds=of("seconds"),
        inferred=of("inferred"),
        cached=frozenset(model for model, table in by_model.items() if model in table.cached),
        latencies=of("latencies"),
        failures=of("failures"),
        reported=of("reported"),
    )


def looked_through(table: ShardTable) -> ShardTable:
    """Return a table that says only which images are bad."""
    return ShardTable(table.index, table.rows, table.image_digests, table.signatures, table.bad, {})
