"""`junit.xml`: what Jenkins, GitLab and similar tools show of a run: one suite per model, one test case per gate.

`fail` is a `failure`: the assertion was evaluated and does not hold. `error` is an `error`: it could not be evaluated.
`inconclusive` is an `error` of type `inconclusive`, because no verdict was reached: `skipped` would show as green
although the run ends with exit code 5, and `failure` would claim a loss that was not measured. `not_applicable` is
`skipped`, with the reason.

A suite `run` comes first. Its one test case, `evaluation`, is an `error` where the run did not complete or decided
nothing, so that a file without a red gate never stands for a run without a verdict; and an `error` of type `chance`
where the reference is no better than guessing, so that this comes before the results of its gates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from harness.record.schema import Accuracy, GatePart, ModelPart, RunRecord
from harness.report.facts import gates
from harness.report.facts.numbers import MISSING
from harness.report.facts.verdict import CHANCE, RunVerdict, judge, no_yardstick
from harness.text import visible, visible_lines

# Everything outside Char of XML 1.0 (fifth edition, production 2), and the discouraged C1 controls.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]")
_OUTCOMES = {"fail": "failure", "error": "error", "inconclusive": "error", "not_applicable": "skipped"}


@dataclass(frozen=True)
class _Case:
    name: str
    outcome: str | None = None
    type: str = ""
    message: str = ""
    text: str = ""
    seconds: float = 0.0


def render(record: RunRecord) -> str:
    """Return the run as JUnit XML, in the common subset that Jenkins' and GitLab's schemas share; times in seconds."""
    verdict = judge(record)
    root = ET.Element("testsuites", name=xml_line(record.name))
    _suite(root, record, "run", [_evaluation(record, verdict)], {"verdict": verdict.line})
    known = {model.id: _properties(model) for model in record.models}
    causes = {part.model: part.sentence for part in record.diagnosis}
    for model in dict.fromkeys([*known, *(gate.model for gate in record.gates)]):
        cases = [_case(gate, causes.get(model)) for gate in record.gates if gate.model == model]
        _suite(root, record, model, cases, known.get(model, {}))
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    root.set("time", _seconds(record.timing.get("wall_seconds")))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, record: RunRecord, name: str, cases: list[_Case], properties: dict[str, str]) -> None:
    outcomes = [case.outcome for case in cases]
    suite = ET.SubElement(
        root,
        "testsuite",
        name=xml_line(name),
        tests=str(len(cases)),
        failures=str(outcomes.count("failure")),
        errors=str(outcomes.count("error")),
        skipped=str(outcomes.count("skipped")),
        time=_seconds(sum(case.seconds for case in cases)),
    )
    timestamp = _timestamp(record.started_utc)
    if timestamp:
        suite.set("timestamp", timestamp)
    if properties:
        listed = ET.SubElement(suite, "properties")
        for key, value in properties.items():
            ET.SubElement(listed, "property", name=key, value=xml_line(value))
    for case in cases:
        attributes = {"classname": xml_line(f"{record.name}.{name}"), "name": xml_line(case.name)}
        element = ET.SubElement(suite, "testcase", attributes, time=_seconds(case.seconds))
        if case.outcome:
            outcome = ET.SubElement(element, case.outcome, type=case.type, message=xml_line(case.message))
            outcome.text = _lines(case.text)


def _evaluation(record: RunRecord, verdict: RunVerdict) -> _Case:
    """Return the case of the whole run: an error unless it passed, or a gate of its own shows what is wrong."""
    seconds = record.timing.get("wall_seconds") or 0.0
    if no_yardstick(record):
        return _Case("evaluation", "error", CHANCE, verdict.line, verdict.sentence, seconds)
    red = any(gate.verdict in ("fail", "error", "inconclusive") for gate in record.gates)
    if verdict.kind == "pass" or (verdict.kind in ("fail", "undecided") and red):
        return _Case("evaluation", seconds=seconds)
    kind = verdict.word.lower()
    return _Case("evaluation", "error", kind, verdict.line, record.error or verdict.sentence, seconds)


def _case(gate: GatePart, cause: str | None) -> _Case:
    outcome = _OUTCOMES.get(gate.verdict)
    if outcome is None:
        return _Case(gate.gate)
    message = gates.breach(gate) if gate.verdict == "fail" else gate.reason
    text = f"{gate.reason}\nmeasured: {gates.measured(gate)}\nlimit: {gates.limit(gate)}"
    text += f"\nlikely cause: {cause}" if cause and gate.verdict == "fail" else ""
    return _Case(gate.gate, outcome, gate.verdict, message, text)


def _properties(model: ModelPart) -> dict[str, str]:
    properties = {
        "role": model.role,
        "backend": model.backend,
        "device": model.device,
        "device_name": model.device_name,
        "precision.requested": model.precision.requested,
        "precision.effective": model.precision.effective,
        "model_sha256": model.model_sha256,
    }
    properties |= _accuracy("top1", model.top1) | _accuracy("top5", model.top5)
    speed = model.rate
    return properties | {"images_per_second": MISSING if speed is None else f"{speed:.1f}"}


def _accuracy(name: str, part: Accuracy | None) -> dict[str, str]:
    """Return exact counts, and the percentage with enough digits for a machine to compare."""
    if part is None:
        return {f"{name}.percent": MISSING}
    percent = MISSING if part.percent is None else f"{part.percent:.4f}"
    return {f"{name}.percent": percent, f"{name}.correct": str(part.correct), f"{name}.total": str(part.total)}


def xml_line(text: str) -> str:
    """Return ``text`` on one line, hidden characters written out, without what XML forbids even so."""
    return _FORBIDDEN.sub("\ufffd", visible(text))


def _lines(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", "\n".join(visible_lines(text)))


def _seconds(value: float | None) -> str:
    return f"{value or 0.0:.3f}"


def _timestamp(started_utc: str) -> str | None:
    """Return the start as the schemas want it: ISO 8601 in UTC without a zone; None if it is no such time."""
    try:
        started = datetime.fromisoformat(started_utc)
    except ValueError:
        return None
    aware = started if started.tzinfo else started.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
