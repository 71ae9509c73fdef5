from __future__ import annotations

import numpy as np

from harness.report.facts.per_image import BROKEN, CHANGED, FIXED, SAME, pairs, per_image
from tests.report import records
from tests.report.records import record, table


def test_changes_and_losses_of_four_images() -> None:
    images = per_image(record(), table())
    assert images is not None
    assert images.change("tf", "ir").tolist() == [SAME, BROKEN, FIXED, SAME]
    np.testing.assert_allclose(images.loss("tf", "ir"), [0, 0.375, -0.25, np.nan])
    assert images.models["ir"].answered.tolist() == [True, True, True, False]
    assert images.models["tf"].top5[1].tolist() == [7, 900, 901, -1, -1]


def test_two_wrong_answers_that_differ_are_changed() -> None:
    images = per_image(record(), table(rows=records.bf16_images()))
    assert images is not None
    kinds = images.change("tf", "ir").tolist()
    assert (kinds.count(BROKEN), kinds.count(FIXED), kinds.count(CHANGED)) == (4, 3, 9)


def test_a_table_without_the_lists_of_five_shows_the_best_class() -> None:
    whole = table()
    old = whole.select([name for name in whole.column_names if "top5" not in name])
    images = per_image(record(), old)
    assert images is not None
    assert images.models["ir"].top5[:, 0].tolist() == [5, 8, 9, -1]


def test_what_is_missing_is_left_out() -> None:
    assert per_image(record(), None) is None
    assert per_image(record(), table().slice(0, 0)) is None
    images = per_image(record(), table().drop_columns(["ir.top1"]))
    assert images is not None
    assert set(images.models) == {"tf"}
    assert pairs(record(), images) == []


def test_an_interrupted_run_pairs_by_role() -> None:
    run = records.interrupted()
    assert pairs(run, per_image(run, table())) == [("tf", "ir")]
