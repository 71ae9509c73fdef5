from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest

from harness.record.schema import GatePart
from harness.report.github import (
    ANNOTATIONS,
    Annotation,
    annotations_of,
    append_summary,
    command,
    publish,
    publish_error,
)
from harness.report.markdown import report as markdown
from tests.report import records

ACTIONS = {"GITHUB_ACTIONS": "true"}


def gate(verdict: Any, number: int = 0, warning: str | None = None) -> GatePart:
    return GatePart(gate="drop", model=f"ir-{number}", verdict=verdict, reason=f"reason {number}", warning=warning)


def published(record: Any, tmp_path: Path, **environment: str) -> str:
    report = tmp_path / "report.md"
    report.write_text(markdown.render(record), encoding="utf-8")
    stream = io.StringIO()
    publish(record, report, environment, stream)
    return stream.getvalue()


def test_nothing_is_published_elsewhere(tmp_path: Path) -> None:
    assert published(records.record(), tmp_path) == ""
    assert published(records.hostile(), tmp_path, GITHUB_ACTIONS="false", GITHUB_STEP_SUMMARY="") == ""
    stream = io.StringIO()
    publish_error("no device", {}, stream)
    assert stream.getvalue() == ""


def test_the_report_is_appended_to_what_is_there(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n", encoding="utf-8")
    record = records.record()
    assert published(record, tmp_path, GITHUB_STEP_SUMMARY=str(summary)) == ""
    assert summary.read_text(encoding="utf-8") == "before\n" + markdown.render(record)


def test_a_passing_run_has_no_error_annotation(tmp_path: Path) -> None:
    assert "::error" not in published(records.record(), tmp_path, **ACTIONS)


def test_every_red_gate_is_an_error(tmp_path: Path) -> None:
    gates = (gate("fail", 1), gate("inconclusive", 2), gate("error", 3), gate("pass", 4), gate("not_applicable", 5))
    record = records.record(exit_code=3, gates=gates, warnings=("take care",))
    lines = published(record, tmp_path, **ACTIONS).splitlines()
    assert [line.partition("::reason")[2].strip() for line in lines[:3]] == ["1", "2", "3"]
    assert lines[0].startswith("::error title=drop failed for model ir-1::")
    assert lines[3] == "::warning title=mobilenet-v2-1.0-224::take care"
    assert len(lines) == 4


def test_a_gates_warning_is_told_though_it_passes() -> None:
    found = annotations_of(records.record(gates=(gate("pass", 1, warning="better than published"),)))
    assert found == [Annotation("warning", "drop, model ir-1", "better than published")]


@pytest.mark.parametrize("make", ["interrupted", "failed_to_run"])
def test_a_run_without_verdict_is_an_error(make: str, tmp_path: Path) -> None:
    text = published(getattr(records, make)(), tmp_path, **ACTIONS)
    assert text.startswith("::error title=mobilenet-v2-1.0-224::")


def test_a_success_that_the_record_does_not_bear_out_is_an_error() -> None:
    assert annotations_of(records.record(gates=()))[0].kind == "error"


def test_at_most_ten_of_each_kind(tmp_path: Path) -> None:
    record = records.record(
        exit_code=1, gates=tuple(gate("fail", number) for number in range(25)), warnings=tuple(map(str, range(11)))
    )
    lines = published(record, tmp_path, **ACTIONS).splitlines()
    errors = [line for line in lines if line.startswith("::error ")]
    warnings = [line for line in lines if line.startswith("::warning ")]
    assert len(errors) == len(warnings) == ANNOTATIONS == 10
    assert errors[-1].endswith("::16 more of this kind are in the report")
    assert warnings[-1].endswith("::2 more of this kind are in the report")


def test_exactly_ten_are_shown_in_full(tmp_path: Path) -> None:
    record = records.record(exit_code=1, gates=tuple(gate("fail", number) for number in range(10)))
    assert "more of this kind" not in published(record, tmp_path, **ACTIONS)


def test_text_from_outside_starts_no_command(tmp_path: Path) -> None:
    text = published(records.hostile(), tmp_path, **ACTIONS)
    assert text.isascii() or text.isprintable() or "\x1b" not in text
    for line in text.splitlines():
        assert re.match(r"::(error|warning) title=[^,:]*::", line)
    item = Annotation("error", "a:b,c%\n::x", "100 %\n::set-output name=x::y\r\n")
    assert command(item) == r"::error title=a%3Ab%2Cc%25\n%3A%3Ax::100 %25%0A::set-output name=x::y"


def test_a_long_message_is_shortened() -> None:
    assert len(command(Annotation("error", "t", "x" * 100_000))) < 2100


def test_the_annotation_names_the_configuration_in_the_checkout(tmp_path: Path) -> None:
    record = records.record(exit_code=1, gates=(gate("fail"),), config_file=str(tmp_path / "configs" / "a,b.yml"))
    inside = published(record, tmp_path, **ACTIONS, GITHUB_WORKSPACE=str(tmp_path))
    assert inside.startswith("::error file=configs/a%2Cb.yml,title=")
    outside = published(record, tmp_path, **ACTIONS, GITHUB_WORKSPACE=str(tmp_path / "elsewhere"))
    assert "file=" not in outside


def test_a_summary_that_cannot_be_written_is_told_and_no_more(tmp_path: Path) -> None:
    text = published(records.record(), tmp_path, GITHUB_STEP_SUMMARY=str(tmp_path / "no folder" / "summary"))
    assert text.startswith("harness: warning: the step summary could not be written")


def test_an_error_before_any_report(tmp_path: Path) -> None:
    stream = io.StringIO()
    publish_error("GPU is not there\nOpenVINO has: CPU", ACTIONS, stream)
    assert stream.getvalue() == "::error title=not completed::GPU is not there%0AOpenVINO has: CPU\n"


SECTIONS = "# Head\n\nöäü\n\n## One\n\n" + "x" * 60 + "\n\n## Two\n\n" + "y" * 60 + "\n"


@pytest.mark.parametrize("limit", [*range(0, 330, 7), len(SECTIONS.encode())])
def test_a_summary_keeps_whole_sections_within_the_limit(tmp_path: Path, limit: int) -> None:
    summary = tmp_path / "summary.md"
    append_summary(summary, SECTIONS, "report.md", limit)
    text = summary.read_text(encoding="utf-8")
    assert len(text.encode()) <= limit
    whole = limit >= len(SECTIONS.encode())
    assert (text == SECTIONS) == whole
    assert whole or not text or text.endswith("All of it is in report.md.\n")
    assert text.count("x") in (0, 60)  # never a part of a section
    assert text.count("y") - text.count("any") in (0, 60)


def test_a_summary_counts_what_the_step_wrote_before(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("z" * 100, encoding="utf-8")
    append_summary(summary, SECTIONS, "report.md", 300)
    assert summary.stat().st_size <= 300
    append_summary(summary, SECTIONS, "report.md", 300)
    assert summary.stat().st_size <= 300


def test_a_report_of_many_megabytes_fits(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    text = "# Head\n\n## One\n\nsmall\n\n## Two\n\n" + "row\n" * 1_000_000
    append_summary(summary, text, "report.md")
    kept = summary.read_text(encoding="utf-8")
    assert kept.startswith("# Head\n\n## One\n\nsmall\n\n> The rest is cut")
    assert summary.stat().st_size <= 1024 * 1024


def test_a_failure_is_not_buried_under_devices_that_are_not_there() -> None:
    gates = [
        GatePart(gate=name, model=f"gpu{number}", verdict="error", reason=f"gpu{number} is not there")
        for number in range(12)
        for name in ("parity", "target", "drop")
    ]
    gates.append(GatePart(gate="drop", model="int8", verdict="fail", reason="lost"))
    found = annotations_of(records.record(gates=tuple(gates), exit_code=3))
    assert found[0] == Annotation("error", "drop failed for model int8", "lost")
    assert found[1] == Annotation(
        "error", "parity, target, drop could not be judged for model gpu0", "gpu0 is not there"
    )
    assert len(found) == 13


def test_a_name_in_the_reason_why_there_is_no_summary_commands_nothing(tmp_path: Path) -> None:
    text = published(records.record(), tmp_path, GITHUB_STEP_SUMMARY=str(tmp_path / "no\n::error::folder" / "summary"))
    assert not [line for line in text.splitlines() if line.lstrip().startswith("::error::")]
