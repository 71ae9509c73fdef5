"""The record of a suite is read as it was written, and refused where it is something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import RecordError
from harness.record.suite import SuiteRecord, SuiteRunPart, read_suite, write_suite

RECORD = SuiteRecord(
    harness_version="1",
    name="s",
    suite_file="s.yml",
    started_utc="2026-01-01T00:00:00+00:00",
    status="complete",
    exit_code=1,
    runs=(SuiteRunPart(id="a", config="a.yml", overrides=("x=1",), state="done", exit_code=1, seconds=2.5),),
)


def test_read_as_written(tmp_path: Path) -> None:
    write_suite(tmp_path, RECORD)
    assert read_suite(tmp_path) == RECORD


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no suite record found"),
        ("{", "not valid JSON"),
        ("{}", "it has no schema_version"),
        ('{"schema_version": 2}', "written by a newer harness"),
        ('{"schema_version": 1}', "not a valid suite record"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "suite.json").write_text(text)
    with pytest.raises(RecordError, match=said):
        read_suite(tmp_path)
