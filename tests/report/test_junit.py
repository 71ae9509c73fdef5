from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from harness.report import junit
from tests.report import records
from tests.report.precisions import precisions
from tests.report.records import DROP_PASS, PARITY_PASS, TARGET_OFF, gate, model, record

# Elements and attributes of Jenkins' xunit plug-in's junit-10.xsd that a writer may use.
ALLOWED = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "time", "skipped", "timestamp"},
    "properties": set[str](),
    "property": {"name", "value"},
    "testcase": {"name", "time", "classname"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"type", "message"},
}
ALL = ("record", "bf16", "interrupted", "failed_to_run", "many_candidates", "hostile")


def parsed(run: Any) -> ET.Element:
    return ET.fromstring(junit.render(run).encode())


def outcomes(root: ET.Element) -> dict[str, str | None]:
    return {
        f"{suite.get('name')}.{case.get('name')}": case[0].tag if len(case) else None
        for suite in root
        for case in suite.iter("testcase")
    }


def evaluation(root: ET.Element) -> str | None:
    return outcomes(root)["run.evaluation"]


@pytest.mark.parametrize("name", ["record", "bf16", "interrupted", "failed_to_run"])
def test_golden(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"junit-{name}.xml", junit.render(getattr(records, name)()))


@pytest.mark.parametrize("name", ALL)
def test_counts_and_structure(name: str) -> None:
    root = parsed(getattr(records, name)())
    for element in root.iter():
        assert set(element.attrib) <= ALLOWED[element.tag]
        if "time" in element.attrib:
            assert re.fullmatch(r"\d+\.\d{3}", element.attrib["time"])
    for suite in root:
        counts = {tag: len(suite.findall(f"testcase/{tag}")) for tag in ("failure", "error", "skipped")}
        assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
        assert int(suite.attrib["failures"]) == counts["failure"]
        assert int(suite.attrib["errors"]) == counts["error"]
        assert int(suite.attrib["skipped"]) == counts["skipped"]
        times = [float(case.attrib["time"]) for case in suite.findall("testcase")]
        assert float(suite.attrib["time"]) == pytest.approx(sum(times))
    for attribute in ("tests", "failures", "errors"):
        assert int(root.attrib[attribute]) == sum(int(suite.attrib[attribute]) for suite in root)


def test_each_verdict_has_its_element() -> None:
    verdicts = ("pass", "fail", "error", "inconclusive", "not_applicable")
    run = record(exit_code=1, gates=tuple(gate(verdict, "ir", verdict) for verdict in verdicts))
    assert outcomes(parsed(run)) == {
        "run.evaluation": None,
        "ir.pass": None,
        "ir.fail": "failure",
        "ir.error": "error",
        "ir.inconclusive": "error",
        "ir.not_applicable": "skipped",
    }
    told = parsed(run).find(".//testcase[@name='inconclusive']/error")
    assert told is not None
    assert told.get("type") == "inconclusive"
    assert told.get("message") == "A reason."


def test_a_failure_says_by_how_much() -> None:
    told = parsed(records.bf16()).find(".//failure")
    assert told is not None
    assert told.get("message") == "max |Δp| 0.26 on 64 images, limit 0.001"


def test_properties_hold_exact_counts() -> None:
    suite = parsed(record()).find("testsuite[@name='ir']")
    assert suite is not None
    properties = {item.attrib["name"]: item.attrib["value"] for item in suite.iter("property")}
    assert (properties["top1.correct"], properties["top1.total"], properties["top1.percent"]) == (
        "509",
        "650",
        "78.3077",
    )
    assert properties["top5.percent"] == "93.8462"


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, None),
        ({"exit_code": 1, "gates": (gate("parity", "ir", "fail"),)}, None),
        ({"exit_code": 1}, "error"),  # exit 1, but no gate says why
        ({"exit_code": 5, "gates": (PARITY_PASS, gate("drop", "ir", "inconclusive"))}, None),
        ({"exit_code": 5, "gates": (TARGET_OFF,)}, "error"),  # only skipped cases would look green
        ({"exit_code": 5, "gates": ()}, "error"),
        ({"exit_code": 0, "gates": ()}, "error"),
        ({"exit_code": 3, "status": "error", "gates": (DROP_PASS,)}, "error"),
        ({"exit_code": 130, "status": "incomplete"}, "error"),
        ({"exit_code": 4}, "error"),
    ],
)
def test_a_run_without_a_verdict_is_never_green(changes: dict[str, Any], outcome: str | None) -> None:
    assert evaluation(parsed(record(**changes))) == outcome


@pytest.mark.parametrize("name", ALL)
def test_red_exactly_where_the_exit_code_is_not_zero(name: str) -> None:
    run = getattr(records, name)()
    root = parsed(run)
    red = int(root.attrib["failures"]) + int(root.attrib["errors"])
    assert (red > 0) == (run.exit_code != 0)


def test_a_gate_of_a_model_that_could_not_be_loaded_has_its_suite() -> None:
    run = record(exit_code=3, status="error", models=(model("tf"),), gates=(gate("parity", "gpu", "error"),))
    assert outcomes(parsed(run))["gpu.parity"] == "error"


def test_characters_that_xml_forbids_never_get_in() -> None:
    nasty = "".join(map(chr, range(0x20))) + "\x7f\x80\x9f\ufffe\uffff\ud800\U0001fffe]]>&<"
    run = record(exit_code=1, gates=(gate("parity", "ir", "fail", reason=nasty),))
    text = junit.render(run)
    assert ET.fromstring(text.encode()) is not None
    assert "\x00" not in text


@pytest.mark.parametrize(
    ("started", "timestamp"),
    [
        ("2025-01-02T03:04:05Z", "2025-01-02T03:04:05"),
        ("2025-01-02T03:04:05.678+00:00", "2025-01-02T03:04:05"),
        ("2025-01-02T05:04:05+02:00", "2025-01-02T03:04:05"),
        ("20250102T030405Z", "2025-01-02T03:04:05"),
        ("yesterday", None),
    ],
)
def test_timestamp(started: str, timestamp: str | None) -> None:
    assert parsed(record(started_utc=started))[0].get("timestamp") == timestamp


def test_a_candidate_that_is_not_there_is_skipped_and_one_that_failed_is_an_error() -> None:
    found = outcomes(parsed(precisions()))
    assert found["gpu.drop"] == "skipped"
    assert found["npu.drop"] == "error"
    assert found["bf16.drop"] is None
