from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.record.store import read_predictions, read_record
from harness.report.facts.class_names import class_names
from harness.report.html.report_page import render
from tests.report.html.pages import assert_contained

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "reports/example"


def test_the_example_is_small_and_whole() -> None:
    files = [path for path in EXAMPLE.iterdir() if path.is_file()]
    assert {"run.json", "predictions.parquet", "report.html", "report.md", "junit.xml"} <= {path.name for path in files}
    assert sum(path.stat().st_size for path in files) <= 1_000_000


def test_the_example_names_no_place_on_a_machine() -> None:
    record = json.loads((EXAMPLE / "run.json").read_text(encoding="utf-8"))

    def texts(value: object) -> list[str]:
        if isinstance(value, dict):
            return [text for item in value.values() for text in texts(item)]
        if isinstance(value, list):
            return [text for item in value for text in texts(item)]
        return [value] if isinstance(value, str) else []

    assert [text for text in texts(record) if text.startswith(("/", "~"))] == []


def test_the_example_shows_its_fault_with_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    page = assert_contained((EXAMPLE / "report.html").read_text(encoding="utf-8"))
    assert page.all("title")[0].text == "FAIL: demo-channels-not-swapped"
    assert len(page.data["pictures"]) > 50
    monkeypatch.chdir(ROOT)  # its paths are relative to the repository
    record = read_record(EXAMPLE)
    again = assert_contained(render(record, read_predictions(EXAMPLE), class_names(record), 750_000))
    assert again.data["cards"] == page.data["cards"]
    assert again.data["pictures"]
