"""A broken candidate, run as a user runs it: each place that people read has the likely cause and its fix."""

from __future__ import annotations

import html
import json
import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.conftest import Tiny, run_harness, write_config, write_images

SENTENCE = "The candidate ir expects BGR: fed BGR instead of RGB, the largest probability difference on 16 images falls"
MEND = "candidates.ir.input.color: BGR"  # however a place marks it up


@pytest.fixture(scope="module")
def run(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Validate the tiny IR, fed RGB instead of BGR, as in a job of GitHub; return what each report has, as text."""
    folder = tmp_path_factory.mktemp("broken")
    write_images(folder / "images", 24, seed=3)

    def change(data: dict[str, Any]) -> None:
        data["candidates"][0]["input"]["color"] = "RGB"

    path = write_config(folder, tiny, change)
    github = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    done = run_harness("validate", path, "--out", folder / "run", cwd=folder, **github)
    assert done.returncode == 1, done.stderr
    shown = run_harness("report", folder / "run", "--format", "html", cwd=folder)
    assert shown.returncode == 0, shown.stderr
    (page,) = (folder / "run").glob("*.html")
    failures = ET.parse(folder / "run" / "junit.xml").getroot().iter("failure")
    errors = [line for line in done.stderr.splitlines() if line.startswith("::error")]
    return {
        "terminal": done.stdout,
        "Markdown": (folder / "run" / "report.md").read_text(encoding="utf-8"),
        "step summary": (folder / "summary.md").read_text(encoding="utf-8"),
        "HTML": html.unescape(re.sub(r"</?code>", "", page.read_text(encoding="utf-8"))),
        "JUnit": "\n".join(f"{item.get('message')} {item.text}" for item in failures),
        "annotation": "\n".join(errors).replace("%0A", "\n").replace("%25", "%"),
        "record": json.dumps(json.loads((folder / "run" / "run.json").read_text(encoding="utf-8"))["diagnosis"]),
    }


@pytest.mark.parametrize("place", ["terminal", "Markdown", "step summary", "HTML", "JUnit", "annotation", "record"])
def test_the_likely_cause_and_its_fix_are_there(run: dict[str, str], place: str) -> None:
    text = " ".join(run[place].replace("\\", "").split())
    assert SENTENCE in text
    assert MEND in text
