from __future__ import annotations

from typing import Any

import pyarrow as pa

from harness.report.facts.flips import Flip, Guess, largest_losses
from tests.report.records import NAN, table


def test_flips_of_a_hand_worked_table() -> None:
    found = largest_losses(table(), "tf", "ir")
    assert found == (
        [
            Flip("broken.jpg", 7, True, Guess(7, 0.625, 0.625), Guess(8, 0.5, 0.25)),
            Flip("fixed.jpg", 9, False, Guess(3, 0.5, 0.25), Guess(9, 0.5, 0.5)),
        ],
        2,
    )
    assert [flip.loss for flip in found[0]] == [0.375, -0.25]


def rows_with_losses(losses: list[float]) -> list[dict[str, Any]]:
    return [
        {
            "image_id": f"{number}.jpg",
            "label": 1,
            "tf": (1, 0.75, 0.75, 1, 0.0),
            "ir": (2, 0.8, 0.75 - loss, 2, 0.1),
        }
        for number, loss in enumerate(losses)
    ]


def test_the_largest_come_first_ties_keep_the_order_and_nan_comes_last() -> None:
    found = largest_losses(table(rows=rows_with_losses([0.25, NAN, 0.5, 0.25, 0.5])), "tf", "ir")
    assert found is not None
    assert [flip.image_id for flip in found[0]] == ["2.jpg", "4.jpg", "0.jpg", "3.jpg", "1.jpg"]


def test_ten_are_shown_and_all_are_counted() -> None:
    losses = [number / 64 for number in range(13)]
    found = largest_losses(table(rows=rows_with_losses(losses)), "tf", "ir")
    assert found is not None
    flips, total = found
    assert total == 13
    assert [flip.image_id for flip in flips] == [f"{number}.jpg" for number in range(12, 2, -1)]


def test_an_image_wrong_in_both_is_no_flip() -> None:
    row = {"image_id": "x", "label": 1, "tf": (2, 0.5, 0.25, 2, 0.0), "ir": (3, 0.5, 0.125, 3, 0.1)}
    assert largest_losses(table(rows=[row]), "tf", "ir") == ([], 0)


def test_an_empty_table_and_one_of_several_chunks() -> None:
    assert largest_losses(table(rows=[]), "tf", "ir") == ([], 0)
    chunked = pa.concat_tables([table(), table()])
    found = largest_losses(chunked, "tf", "ir")
    assert found is not None
    assert [flip.image_id for flip in found[0]] == ["broken.jpg"] * 2 + ["fixed.jpg"] * 2


def test_a_model_that_the_table_lacks() -> None:
    assert largest_losses(table(), "tf", "gone") is None
