from __future__ import annotations

from pathlib import Path

import pytest

from harness.report.class_names import class_names
from tests.report.records import record


def test_a_thousand_classes_are_imagenets() -> None:
    names = class_names(record(config={"dataset": {"classes": 1000, "background_class": True}}))
    assert names is not None
    assert (len(names), names[0], names[1], names[1000]) == (1001, "background", "tench", "toilet tissue")
    bare = class_names(record(config={"dataset": {"classes": 1000, "background_class": False}}))
    assert bare is not None
    assert (len(bare), bare[0]) == (1000, "tench")


def test_configured_names_win(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("cat\ndog\n", encoding="utf-8")
    dataset = {"classes": 1000, "class_names": str(file), "background_class": False}
    assert class_names(record(config={"dataset": dataset})) == ("cat", "dog")


@pytest.mark.parametrize(
    "dataset", [None, [], {}, {"classes": 10}, {"classes": "x"}, {"class_names": "/none"}, {"class_names": "\0"}]
)
def test_without_names_nothing_fails(dataset: object) -> None:
    assert class_names(record(config={"dataset": dataset})) is None
