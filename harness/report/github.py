"""GitHub Actions: the report in the step summary, what went wrong as annotations.

Both only where GitHub asks for them: $GITHUB_STEP_SUMMARY names the summary's file, $GITHUB_ACTIONS is `true`.
Annotations are lines on stderr; the runner reads both streams, and stdout may be one JSON document.
Limits and escaping: docs.github.com, "Workflow commands for GitHub Actions": a step's summary has at most 1 MiB, a
step shows 10 errors and 10 warnings. Neither of the two ever changes a verdict.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TextIO

from harness.record.schema import RunRecord
from harness.report.facts.verdict import CHANCE, judge, model_with_role
from harness.text import printable, visible

SUMMARY_BYTES = 1024 * 1024
ANNOTATIONS = 10
_MESSAGE = 2000  # characters of one annotation; the report has the rest
_CUT = "\n\n> The rest is cut: GitHub shows at most 1 MiB a step. All of it is in {where}.\n"


class Annotation(NamedTuple):
    """One annotation: its kind, title and message, still unescaped."""

    kind: Literal["error", "warning"]
    title: str
    message: str


def publish(
    record: RunRecord,
    report: Path,
    environment: Mapping[str, str] | None = None,
    stream: TextIO | None = None,
) -> None:
    """Show a finished run on GitHub, where it runs there; ``report``: the `report.md` that was written.

    If the summary cannot be written, a warning goes to ``stream`` (stderr).
    """
    environment = os.environ if environment is None else environment
    stream = sys.stderr if stream is None else stream
    publish_report(report, environment, stream)
    if environment.get("GITHUB_ACTIONS") == "true":
        _write(annotations_of(record), _inside(record.config_file, environment.get("GITHUB_WORKSPACE")), stream)


def publish_report(report: Path, environment: Mapping[str, str] | None = None, stream: TextIO | None = None) -> None:
    """Append a report to the step's summary where there is one, see :func:`publish`."""
    environment = os.environ if environment is None else environment
    summary = environment.get("GITHUB_STEP_SUMMARY")
    if summary:
        try:
            append_summary(Path(summary), report.read_text(encoding="utf-8"), str(report))
        except (OSError, UnicodeError) as error:
            stream = sys.stderr if stream is None else stream
            print(f"harness: warning: the step summary could not be written: {printable(str(error))}", file=stream)


def publish_error(message: str, environment: Mapping[str, str] | None = None, stream: TextIO | None = None) -> None:
    """Show an evaluation that ended with an error as an annotation; it has no verdict to show."""
    environment = os.environ if environment is None else environment
    if environment.get("GITHUB_ACTIONS") == "true":
        _write([Annotation("error", "not completed", message)], None, sys.stderr if stream is None else stream)


def append_summary(file: Path, text: str, where: str, limit: int = SUMMARY_BYTES) -> None:
    """Append Markdown to a step's summary, as many whole sections as fit into ``limit`` bytes with what is there.

    ``where``: what names the whole report. Raises OSError if the file cannot be written.
    """
    present = file.stat().st_size if file.exists() else 0
    text = text if text.endswith("\n") else text + "\n"
    data = text.encode("utf-8", "backslashreplace")
    room = limit - present
    if len(data) > room:
        note = _CUT.format(where=where).encode()
        data = _whole_sections(data, room - len(note))
        data = data + note if data else note.lstrip() if len(note) <= room else b""
    with file.open("ab") as stream:
        stream.write(data)


def _whole_sections(data: bytes, room: int) -> bytes:
    """Return the sections that fit: a cut elsewhere would leave a table, a code block or <details> open."""
    ends = [found.start() for found in re.finditer(rb"\n\n## ", data)]
    return data[: max((end for end in ends if end <= room), default=0)]


def annotations_of(record: RunRecord) -> list[Annotation]:
    """Return what a reader of the checks must see: red gates, else the verdict unless it is PASS; then warnings.

    An inconclusive gate is an error here: the run ends with exit code 5, and this says why.
    """
    verdict = judge(record)
    red = [gate for gate in record.gates if gate.verdict in ("fail", "error", "inconclusive")]
    words = {"fail": "failed", "error": "could not be judged", "inconclusive": "is inconclusive"}
    # GitHub shows ten: what failed must be among them, after what makes the whole run worthless.
    red.sort(key=lambda gate: (gate.gate != CHANCE, gate.verdict != "fail"))
    same: dict[tuple[str, str, str], list[str]] = {}
    for gate in red:
        same.setdefault((gate.verdict, gate.model, gate.reason), []).append(gate.gate)
    causes = {part.model: f"\nLikely cause: {part.sentence}" for part in record.diagnosis}  # with its first failure
    found = [
        Annotation(
            "error",
            f"{', '.join(gates)} {words[verdict]} for {model_with_role(record, model)}",
            f"{reason}{causes.pop(model, '') if verdict == 'fail' else ''}",
        )
        for (verdict, model, reason), gates in same.items()
    ]
    if verdict.kind != "pass" and (not red or record.status != "complete"):
        found.insert(0, Annotation("error", record.name, verdict.line))
    found += [
        Annotation("warning", f"{gate.gate}, {model_with_role(record, gate.model)}", gate.warning)
        for gate in record.gates
        if gate.warning
    ]
    return found + [Annotation("warning", record.name, warning) for warning in record.warnings]


def _write(found: Sequence[Annotation], file: str | None, stream: TextIO) -> None:
    for kind in ("error", "warning"):
        own = [item for item in found if item.kind == kind]
        shown = own if len(own) <= ANNOTATIONS else own[: ANNOTATIONS - 1]
        for item in shown:
            print(command(item, file), file=stream)
        if len(shown) < len(own):
            rest = f"{len(own) - len(shown)} more of this kind are in the report"
            print(command(Annotation(own[0].kind, "and more", rest), file), file=stream)
    stream.flush()


def command(item: Annotation, file: str | None = None) -> str:
    """Return an annotation as a workflow command, in which no text from outside can start another one."""
    properties = {"file": file, "title": item.title}
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    message = item.message if len(item.message) <= _MESSAGE else f"{item.message[: _MESSAGE - 3]}..."
    lines = "\n".join(visible(line) for line in message.splitlines())
    return f"::{item.kind} {listed}::{_data(lines)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A").replace("##[", "#\\x23[")


def _property(text: str) -> str:
    return _data(visible(text)).replace(":", "%3A").replace(",", "%2C")


def _inside(file: str | None, workspace: str | None) -> str | None:
    """Return the configuration's path in the checkout, to which GitHub pins the annotation; None outside of it."""
    if not file or not workspace:
        return None
    try:
        return Path(file).resolve().relative_to(Path(workspace).resolve()).as_posix()
    except (ValueError, OSError):
        return None
