"""`junit.xml` of a suite: the suites of every run's own file, called by the run, in one file."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from harness.report import junit
from harness.report.facts.suite import RunText, SuiteText
from harness.report.junit import xml_line


def render(suite: SuiteText) -> str:
    """Return the whole suite as JUnit XML; a run without a record is a test suite with one error."""
    root = ET.Element("testsuites", name=xml_line(suite.record.name))
    for run in suite.runs:
        for element in _suites(run):
            root.append(element)
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(element.get(name, "0")) for element in root)))
    root.set("time", f"{suite.record.seconds or 0.0:.3f}")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suites(run: RunText) -> list[ET.Element]:
    if run.record is not None:
        found = list(ET.fromstring(junit.render(run.record)))  # noqa: S314  (made in this very line)
        for element in found:
            name = element.get("name", "")
            element.set("name", xml_line(f"{run.id}.{name}"))
            for case in element.iter("testcase"):
                case.set("classname", xml_line(f"{run.id}.{name}"))
        return found
    element = ET.Element(
        "testsuite",
        name=xml_line(f"{run.id}.run"),
        tests="1",
        failures="0",
        errors="1",
        skipped="0",
        time=f"{run.part.seconds or 0.0:.3f}",
    )
    case = ET.SubElement(element, "testcase", classname=xml_line(f"{run.id}.run"), name="evaluation", time="0.000")
    fault = ET.SubElement(case, "error", type=run.word.lower(), message=xml_line(run.sentence))
    fault.text = xml_line(run.part.error or run.sentence)
    return [element]
