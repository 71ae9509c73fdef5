"""The mark of near-ties in every form: margins are 0.03 and 0.48, the candidate usually moves 0.02."""

from __future__ import annotations

import csv
import io
from typing import Any

import pyarrow as pa
import pytest

from harness.record.schema import Flips
from harness.report.facts.flips import largest_losses
from harness.report.facts.near_ties import with_near_ties
from harness.report.facts.per_image import per_image
from harness.report.facts.summary import summarise
from harness.report.html.gallery import cards
from harness.report.markdown import flips as markdown_flips
from harness.report.render import FORMATS
from tests.report.records import comparison, record, table

ROWS: list[dict[str, Any]] = [
    {"image_id": "tie.jpg", "label": 1, "tf": (1, 0.05, 0.05, 1, 0.0), "ir": (2, 0.05, 0.04, 2, 0.02)},
    {"image_id": "real.jpg", "label": 1, "tf": (1, 0.5, 0.5, 1, 0.0), "ir": (2, 0.5, 0.25, 2, 0.02)},
]


@pytest.fixture
def images() -> pa.Table:
    return table(rows=ROWS)


def test_of_the_list_of_flips(images: pa.Table) -> None:
    found = largest_losses(images, "tf", "ir")
    assert found is not None
    assert [(flip.image_id, flip.near_tie) for flip in found[0]] == [("real.jpg", False), ("tie.jpg", True)]


def test_an_old_table_without_second_best_marks_nothing(images: pa.Table) -> None:
    old = images.drop_columns(["tf.top5_probabilities", "tf.top5"])
    found = largest_losses(old, "tf", "ir")
    assert found is not None
    assert not any(flip.near_tie for flip in found[0])
    assert with_near_ties(record(comparisons=(comparison(),)), old)["ir.near_tie"].to_pylist() == [0, 0]


def test_of_markdown(images: pa.Table) -> None:
    lines = markdown_flips.section(record(comparisons=(comparison(),)), images, None)
    assert [line.split(" | ")[2] for line in lines if ".jpg" in line] == ["**broken**", "**broken**, near-tie"]
    assert lines[-1].startswith("Near-tie: ")


def test_of_csv(images: pa.Table) -> None:
    text = FORMATS["csv"].render(record(comparisons=(comparison(),)), images, None)
    assert [row["ir.near_tie"] for row in csv.DictReader(io.StringIO(text))] == ["1", "0"]


def test_of_the_gallery(images: pa.Table) -> None:
    columns = per_image(record(), images)
    assert columns is not None
    assert {card["id"]: card["nearTie"] for card in cards(columns, [("tf", "ir")])} == {
        "tie.jpg": True,
        "real.jpg": False,
    }


@pytest.mark.parametrize(("near", "text"), [(None, "2"), (0, "2"), (1, "2 (1 near-tie)"), (2, "2 (2 near-ties)")])
def test_of_every_table_of_comparisons(near: int | None, text: str) -> None:
    part = comparison(flips=Flips(fixed=0, broken=2, changed_wrong=0, near_ties=near))
    assert summarise(record(comparisons=(part,))).comparisons[0].broken == text
