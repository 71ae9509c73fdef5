from __future__ import annotations

import re

from harness.report.facts.summary import summarise
from harness.report.html.run_table import METRICS, sparkline
from harness.report.html.runs import Run
from tests.report import records
from tests.report.precisions import precisions


def test_one_column_a_metric_of_the_worst_candidate() -> None:
    made = {"a": records.bf16(), "b": precisions(), "c": records.failed_to_run()}
    runs = [Run(record, summarise(record), place, f"./{place}/run.json") for place, record in made.items()]
    cells = {run.place: [metric.cell(run).text for metric in METRICS] for run in runs}
    assert [metric.title for metric in METRICS][2:] == ["Top-1 change, pp", "max |Δp|", "images/s"]
    assert cells["a"] == ["78.31", "78.15", "lost 0.154", "0.26", "413"]
    assert cells["b"] == ["78.31", "77.08", "lost 1.231", "0.42", "988"]  # int8 lost most
    assert cells["c"] == ["n/a"] * 5


def test_a_sparkline_rises_with_the_values_and_leaves_out_what_is_unknown() -> None:
    points = re.search(r'points="([^"]+)"', sparkline([1.0, None, 3.0]))
    assert points is not None
    (left, top), (right, bottom) = (map(float, point.split(",")) for point in points[1].split())
    assert left < right
    assert top > bottom  # up on the screen is a smaller y
    assert sparkline([1.0]) == sparkline([None, 2.0]) == ""
    assert "points" in sparkline([2.0, 2.0])
