from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from tests.conftest import PROJECT

spec = importlib.util.spec_from_file_location("audit", PROJECT / ".ci" / "audit.py")
assert spec is not None
assert spec.loader is not None
audit = importlib.util.module_from_spec(spec)
spec.loader.exec_module(audit)

SOUND = {"name": "a", "version": "1", "vulns": []}
KNOWN = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
LISTED = {"name": "ray", "version": "2", "vulns": [{"id": "X-1", "aliases": ["CVE-2023-48022"], "fix_versions": []}]}
BESIDE = {"name": "ray", "version": "2", "vulns": [{"id": "X-2", "aliases": ["CVE-2"], "fix_versions": []}]}
ELSEWHERE = {"name": "c", "version": "2", "vulns": [{"id": "CVE-2023-48022", "fix_versions": []}]}
UNKNOWN = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "code", "parts"),
    [
        ([SOUND], 0, ["audited: 1 of 1 packages, 0 known"]),
        ([SOUND, KNOWN], 1, ["b 2: CVE-1, fixed in 3", "audited: 2 of 2 packages, 1 known"]),
        ([LISTED], 0, ["ray 2: X-1, accepted: whoever reaches", "0 known"]),
        ([BESIDE, LISTED], 1, ["ray 2: X-2, fixed in no release", "X-1, accepted", "1 known"]),
        ([ELSEWHERE], 1, ["c 2: CVE-2023-48022, fixed in no release"]),
        ([UNKNOWN, UNKNOWN], 0, ["audited: 0 of 2 packages", "NOT AUDITED: 2 packages"]),
        ([UNKNOWN, KNOWN], 1, ["CVE-1", "NOT AUDITED: 1 packages"]),
    ],
)
def test_a_known_vulnerability_fails_and_silence_is_said(packages: list[Any], code: int, parts: list[str]) -> None:
    found, text = audit.verdict({"dependencies": packages})
    assert found == code
    assert all(part in text for part in parts)


def test_a_tool_that_gives_nothing_is_said(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main("true", "requirements.lock") == 0
    assert "NOT AUDITED: pip-audit gave no report" in capsys.readouterr().out
