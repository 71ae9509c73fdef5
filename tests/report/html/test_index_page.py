from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import RecordError
from harness.record.schema import RunRecord
from harness.record.store import write_record
from harness.report.html.index_page import write_index
from harness.report.html.runs import figures, find_runs
from harness.report.html.trends import TRENDS, trend
from tests.report import records
from tests.report.html.pages import assert_contained
from tests.report.records import record


def _put(folder: Path, run: RunRecord) -> None:
    folder.mkdir(parents=True)
    write_record(folder, run)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    commit = {"git_commit": "0123456789abcdef0123+"}
    _put(
        folder / "net/2",
        records.bf16().model_copy(update={"started_utc": "2025-02-01T00:00:00Z", "environment": commit}),
    )
    _put(folder / "net/1", record(started_utc="2025-01-01T00:00:00Z"))
    (folder / "net/latest").symlink_to("2")
    (folder / "net/2/report.html").write_text("x", encoding="utf-8")
    _put(folder / "a b#c%/x", record(name=records.HOSTILE))
    (folder / "net/3/shards").mkdir(parents=True)  # a run that is still going on
    (folder / "broken").mkdir()
    (folder / "broken/run.json").write_text("{", encoding="utf-8")
    return folder


def test_runs_are_found_once_oldest_first(runs: Path) -> None:
    found, unreadable = find_runs(runs)
    assert [run.place for run in found] == ["net/1", "a b#c%/x", "net/2"]
    assert [run.link for run in found] == ["./net/1/run.json", "./a%20b%23c%25/x/run.json", "./net/2/report.html"]
    assert [run.commit for run in found] == ["no commit", "no commit", "0123456789+"]
    ((place, reason),) = unreadable
    assert place == "broken"
    assert reason.startswith("not valid JSON")


def test_the_page_tells_all_of_them(runs: Path) -> None:
    page = assert_contained(write_index(runs).read_text(encoding="utf-8"))
    assert "3 runs of 2 configurations, 1 not passed" in " ".join(page.text.split())
    assert len([item for item in page.all("input") if item.attributes.get("class") == "choose"]) == 3
    assert "broken" in page.text
    assert len(page.data["runs"]) == 3
    assert len(page.all("figure")) == 2 * len(TRENDS)
    assert write_index(runs).read_text(encoding="utf-8") == page.source  # the index itself is no run


def test_two_runs_differ_in_what_they_measured(runs: Path) -> None:
    found, _ = find_runs(runs)
    before, after = figures(found[0]), figures(found[2])
    assert before["ir: max |Δp|"] == "3.5e-06"
    assert after["ir: max |Δp|"] == "0.26"
    assert after["ir: precision"] == "device_default → bf16"
    assert after["gate parity, ir"] == "FAIL"
    assert before["configuration: dataset.preprocess.size"] == "224"


def test_failed_runs_are_marked_in_the_trend(runs: Path) -> None:
    found, _ = find_runs(runs)
    spec = trend([found[0], found[2]], TRENDS[0], "commit")
    assert spec is not None
    assert [(row["model"], row["good"]) for row in spec["data"]["values"]] == [
        ("tf", True),
        ("ir", True),
        ("tf", False),
        ("ir", False),
    ]
    assert trend([], TRENDS[0], "time") is None


def test_each_figure_of_a_run_has_its_name_where_the_head_is_hidden(runs: Path) -> None:
    page = write_index(runs).read_text(encoding="utf-8")
    for name in ("Top-1 original, %", "Top-1 converted, %", "Top-1 change, pp", "max |Δp|", "images/s", "commit"):
        assert page.count(f'data-label="{name}"') == page.count('class="choose"') > 0


def test_no_run_and_no_folder(tmp_path: Path) -> None:
    page = assert_contained(write_index(tmp_path).read_text(encoding="utf-8"))
    assert "No run found" in page.text
    with pytest.raises(RecordError, match="no such folder"):
        write_index(tmp_path / "none")
