from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from harness.record.schema import RunRecord
from harness.report.facts.verdict import judge
from harness.report.terminal.summary import print_summary
from tests.report import records


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def no_outer_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def printed(record: RunRecord, width: int | None = None) -> str:
    file = io.StringIO()
    print_summary(record, file, width)
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", ["record", "bf16", "interrupted", "failed_to_run"])
def test_golden(name: str, width: int, golden: Callable[[str, str], None]) -> None:
    golden(f"terminal-{name}-{width}.txt", printed(getattr(records, name)(), width))


@pytest.mark.parametrize("name", ["record", "bf16", "interrupted", "failed_to_run", "many_candidates", "hostile"])
@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_it_fits_and_the_verdict_comes_first_and_last(name: str, width: int) -> None:
    record = getattr(records, name)()
    text = printed(record, width)
    assert max(len(line) for line in text.splitlines()) <= width
    _, _, last = text.rpartition("━" * width + "\n")
    verdict = judge(record).line.replace(" ", "")
    assert last.replace("\n", "").replace(" ", "").startswith(verdict)
    assert text.startswith(last)


def test_where_the_reports_are_stands_before_the_last_verdict() -> None:
    file = io.StringIO()
    print_summary(records.record(), file, 80, places="Record and reports in reports/x: run.json")
    assert "\nRecord and reports in reports/x: run.json\n━━━" in file.getvalue()


def test_intervals_stay_in_one_piece_at_80_columns() -> None:
    text = printed(records.bf16(), 80)
    for figure in ("[74.98, 81.30]", "[-0.806, +1.166]", "78.15 (508/650)", "max 0.26", "mean 8.3e-05"):
        assert figure in text


def test_without_a_terminal_there_is_no_escape_sequence_and_80_columns() -> None:
    assert printed(records.bf16()) == printed(records.bf16(), 80)
    assert "\x1b" not in printed(records.bf16(), 80)


def test_a_terminal_gets_colour_and_names_cannot_steer_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    file = Terminal()
    print_summary(records.bf16(), file, 80)
    assert "\x1b[1;31mFAIL" in file.getvalue()
    plain = Terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    print_summary(records.hostile(), plain, 80)
    assert "\x1b[31m" not in plain.getvalue()
    assert "\u202e" not in plain.getvalue()


def test_markup_in_a_name_is_printed_as_it_is() -> None:
    text = printed(records.record(name="[red]x[/red] :smile:"), 80)
    assert "[red]x[/red] :smile:" in text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_stream_that_cannot_carry_every_character_is_no_error(encoding: str) -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding) as file:
        print_summary(records.record(name="犬"), file, 80)
        text = raw.getvalue().decode(encoding)
    assert "max |dp| 3.5e-06" in text
    assert "\\u72ac" in text
    assert "=" * 80 in text


def test_every_line_of_an_error_is_printed() -> None:
    text = printed(records.failed_to_run(), 80)
    assert "Convert it again: harness convert CONFIG" in text


def test_a_crowd_of_gates_is_counted_where_none_needs_action() -> None:
    text = printed(records.many_candidates(18), 100)
    calm = [gate for gate in records.many_candidates(18).gates if gate.verdict in ("pass", "not_applicable")]
    passed = sum(gate.verdict == "pass" for gate in calm)
    assert f"{passed} gates passed, {len(calm) - passed} not applicable; listed in the reports" in text
    assert "\npass " not in text
