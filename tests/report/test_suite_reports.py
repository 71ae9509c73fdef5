"""A suite's page, JUnit file and terminal table say what its runs' records say, and name those without any."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from harness.record.schema import RunRecord
from harness.record.store import write_record
from harness.record.suite import SuiteRecord, SuiteRunPart
from harness.report import junit, suite_junit
from harness.report.facts.suite import SuiteText, suite_text
from harness.report.html import suite_page
from harness.report.terminal.suite import reasons, suite_table
from tests.report import records
from tests.report.html.pages import assert_contained

RUNS: dict[str, RunRecord] = {"good": records.record(), "bf16": records.bf16(), "hostile": records.hostile()}


@pytest.fixture
def suite(tmp_path: Path) -> SuiteText:
    parts = []
    for name, run in RUNS.items():
        (tmp_path / name).mkdir()
        write_record(tmp_path / name, run)
        code = run.exit_code
        parts.append(SuiteRunPart(id=name, config="a.yml", state="done", exit_code=code, seconds=61.0))
    (tmp_path / "good" / "report.html").write_text("x")
    parts += [
        SuiteRunPart(
            id="no", config="b.yml", state="refused", exit_code=2, error="b.yml: 1 fault\n  b.yml:3: <b>\u202ex"
        ),
        SuiteRunPart(id="later", config="c.yml"),
    ]
    parts[1] = parts[1].model_copy(update={"images_not_decoded": 1500})
    record = SuiteRecord(
        harness_version="1",
        name="nightly",
        suite_file="s.yml",
        started_utc="2026-01-01T00:00:00+00:00",
        status="complete",
        exit_code=2,
        seconds=90.0,
        runs=tuple(parts),
    )
    return suite_text(tmp_path, record)


def test_every_run_has_its_records_verdict(suite: SuiteText) -> None:
    assert [(run.id, run.word) for run in suite.runs][:2] == [("good", "PASS"), ("bf16", "FAIL")]
    assert [(run.id, run.word, run.kind) for run in suite.runs][3:] == [
        ("no", "REFUSED", "error"),
        ("later", "NOT RUN", "interrupted"),
    ]
    assert [run.link for run in suite.runs] == [
        "./good/report.html",
        "./bf16/run.json",
        "./hostile/run.json",
        None,
        None,
    ]
    assert suite.sentence.startswith("5 runs: 1 PASS")


def test_a_record_that_is_gone_is_no_pass(suite: SuiteText, tmp_path: Path) -> None:
    (tmp_path / "good" / "run.json").unlink()
    assert suite_text(tmp_path, suite.record).runs[0].kind == "error"


def test_the_page_holds_everything_and_runs_nothing_of_it(suite: SuiteText) -> None:
    page = assert_contained(suite_page.render(suite))
    for text in ("Suite nightly", "REFUSED (exit 2)", "NOT RUN", "1,500 images not decoded again", "b.yml: 1 fault"):
        assert text in " ".join(page.text.split())
    assert "\u202e" not in page.source
    links = [item.attributes["href"] for item in page.all("a")]
    assert links.count("./good/report.html") == 2


def test_one_junit_file_has_every_runs_cases(suite: SuiteText) -> None:
    root = ET.fromstring(suite_junit.render(suite))
    alone = [ET.fromstring(junit.render(record)) for record in RUNS.values()]
    for name in ("tests", "failures", "errors"):
        own = sum(int(part.get(name, "0")) for part in alone)
        assert int(root.get(name, "-1")) == own + {"tests": 2, "failures": 0, "errors": 2}[name]
    assert len(root.findall(".//testcase")) == int(root.get("tests", "0"))
    assert len(root.findall(".//failure")) == int(root.get("failures", "0"))
    names = [element.get("name", "") for element in root]
    assert len(set(names)) == len(names)
    assert {name.partition(".")[0] for name in names} == {*RUNS, "no", "later"}
    (refused,) = root.findall("testsuite[@name='no.run']/testcase/error")
    assert refused.get("type") == "refused"


def test_the_table(suite: SuiteText) -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(suite_table(suite))
    text = console.export_text()
    for run in suite.runs:
        assert run.id in text
        assert run.word in text
    assert "1 min 01 s" in text
    assert [line.partition(":")[0] for line in reasons(suite)][-2:] == ["no", "later"]
    assert all(line.isprintable() for line in reasons(suite))
