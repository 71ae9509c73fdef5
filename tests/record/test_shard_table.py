from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics.outcome import Outcome
from harness.record.shard_table import ShardTable, merge_outcomes, outcome_columns
from tests.engine.conftest import outcome, table


def same(one: Outcome, other: Outcome) -> None:
    for (name, left), right in zip(one.columns().items(), other.columns().values(), strict=True):
        assert left.dtype == right.dtype, name
        np.testing.assert_array_equal(left, right, err_msg=name)


@pytest.mark.parametrize("rows", [range(1), range(256), range(512, 650)])
def test_a_table_is_read_back_as_it_was(rows: range) -> None:
    written = table(2, rows)
    read = ShardTable.from_arrow(written.to_arrow())
    for name in ("index", "rows", "image_digests", "signatures", "bad", "seconds", "cached"):
        assert getattr(read, name) == getattr(written, name), name
    assert list(read.outcomes) == ["reference", "ir"]
    for model in read.outcomes:
        same(read.outcomes[model], written.outcomes[model])


def test_a_digest_of_an_unreadable_image_is_empty() -> None:
    written = table(0, range(2))
    written = ShardTable(0, range(2), (b"", b"x" * 32), ("", "1:2"), {0: "gone"}, written.outcomes)
    assert ShardTable.from_arrow(written.to_arrow()).image_digests == (b"", b"x" * 32)


def test_the_columns_carry_the_model() -> None:
    columns = outcome_columns({"ir": outcome(3, 1)})
    assert {"ir.top1", "ir.top5", "ir.probability_of_label", "ir.top1_probability", "ir.rank_of_label",
            "ir.max_abs_diff"} <= set(columns)  # fmt: skip
    assert all(len(column) == 3 for column in columns.values())


def without_notes(arrow: Any) -> Any:
    return arrow.replace_schema_metadata(None)


def without_a_column(arrow: Any) -> Any:
    return arrow.drop_columns(["ir.top1"])


@pytest.mark.parametrize("spoil", [without_notes, without_a_column])
def test_another_table_is_refused(spoil: Any) -> None:
    with pytest.raises((KeyError, ValueError)):
        ShardTable.from_arrow(spoil(table(0, range(3)).to_arrow()))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_merging_in_any_order_is_the_whole(lengths: list[int], random: Any) -> None:
    whole = outcome(sum(lengths), 5)
    tables = []
    start = 0
    for index, length in enumerate(lengths):
        rows = range(start, start + length)
        part = {"m": whole[slice(start, start + length)]}
        tables.append(ShardTable(index, rows, (b"",) * length, ("",) * length, {}, part))
        start += length
    random.shuffle(tables)
    same(merge_outcomes([ShardTable.from_arrow(each.to_arrow()) for each in tables], "m"), whole)
