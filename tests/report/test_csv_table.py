from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from harness.report import csv_table
from tests.report.records import HOSTILE, table


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def one_row(image_id: str) -> dict[str, Any]:
    return {"image_id": image_id, "label": 1, "tf": (1, 0.5, 0.5, 1, 0.0), "ir": (1, 0.5, 0.5, 1, 0.0)}


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("predictions.csv", csv_table.render(table()))


def test_values() -> None:
    rows = read(csv_table.render(table()))
    broken = rows[1]
    assert (broken["image_id"], broken["label"], broken["ir.top1"]) == ("broken.jpg", "7", "8")
    assert broken["ir.top5"] == "8 900 901"  # the fill of -1 is left out, and its probabilities
    assert broken["ir.top5_probabilities"] == "0.5 0.02 0.01"
    assert broken["ir.max_abs_diff"] == "0.375"


def test_a_bad_image_has_empty_cells_where_there_is_no_number() -> None:
    bad = read(csv_table.render(table()))[3]
    assert bad["ir.top1"] == "-1"
    assert {bad[f"ir.{name}"] for name in ("top5", "top5_probabilities", "probability_of_label", "max_abs_diff")} == {
        ""
    }


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "'"])
def test_formulas_are_disarmed_and_can_be_restored(start: str) -> None:
    image_id = f"{start}1+1|' /C calc'!A0"
    (row,) = read(csv_table.render(table(rows=[one_row(image_id)])))
    assert row["image_id"] == f"'{image_id}"
    assert row["image_id"].removeprefix("'") == image_id


@pytest.mark.parametrize("image_id", ["a,b", 'say "x"', "two\nlines", "a;=1+1", "", HOSTILE])
def test_names_of_every_kind_survive(image_id: str) -> None:
    text = csv_table.render(table(rows=[one_row(image_id)]))
    (row,) = read(text)
    assert row["image_id"] == image_id
    assert len(row) == len(table().column_names)
    assert text.splitlines()[1].startswith('"')


def test_no_rows_and_several_chunks() -> None:
    assert read(csv_table.render(table(rows=[]))) == []
    assert read(csv_table.render(pa.concat_tables([table(), table()]))) == read(csv_table.render(table())) * 2
