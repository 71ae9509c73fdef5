"""`action.yml`: it parses, and its shell does what it says, with a stand-in for Python and the harness."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import PROJECT

ACTION: dict[str, Any] = yaml.safe_load((PROJECT / "action.yml").read_text(encoding="utf-8"))
STEPS: dict[str, dict[str, Any]] = {step["name"]: step for step in ACTION["runs"]["steps"]}
# Notes every argument on a line of its own, makes what $MAKE names, and ends with what $CODE_<command> says.
STAND_IN = """#!/usr/bin/env bash
printf '%s\\n' "--- $3" "$@" >> calls.txt
if [ "$3" = validate ]; then
  for made in $MAKE; do mkdir -p "$OUT"; echo x > "$OUT/$made"; done
fi
variable="CODE_$3"
exit "${!variable:-0}"
"""


class Job:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        python = folder / "python"
        python.write_text(STAND_IN, encoding="utf-8")
        python.chmod(python.stat().st_mode | stat.S_IXUSR)

    def run(self, step: str, **environment: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "script.sh").write_text(STEPS[step]["run"], encoding="utf-8")
        inputs = {"PYTHON": "./python", "CONFIG": "configs/x.yml", "ARGS": "", "OUT": "my report", "BASELINE": ""}
        given = {"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(self.folder / "output.txt"), "MAKE": ""}
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "script.sh"],  # as GitHub runs `shell: bash`
            cwd=self.folder,
            env={**given, **inputs, **environment},
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    @property
    def calls(self) -> list[list[str]]:
        text = (self.folder / "calls.txt").read_text(encoding="utf-8")
        return [call.splitlines()[1:] for call in text.split("--- ")[1:]]

    @property
    def output(self) -> str:
        return (self.folder / "output.txt").read_text(encoding="utf-8")


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_every_input_is_used_and_every_reference_exists() -> None:
    text = (PROJECT / "action.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"inputs\.([a-z-]+)", text)) == set(ACTION["inputs"])
    assert ACTION["runs"]["using"] == "composite"
    for step in STEPS.values():
        assert ("run" in step) != ("uses" in step)
        assert "run" not in step or step["shell"] == "bash"


def test_no_input_becomes_text_of_a_script() -> None:
    for step in STEPS.values():
        assert "${{" not in step.get("run", "")


def test_a_passing_run(job: Job) -> None:
    finished = job.run("Validate", MAKE="run.json junit.xml")
    assert finished.returncode == 0, finished.stderr
    assert job.calls == [
        ["-m", "harness", "fetch", "configs/x.yml", "--if-needed"],
        ["-m", "harness", "convert", "configs/x.yml", "--if-needed"],
        ["-m", "harness", "validate", "configs/x.yml", "--out", "my report"],
    ]
    assert job.output == "exit-code=0\n"


def test_arguments_are_one_a_line_and_never_commands(job: Job) -> None:
    lines = ["--certify=0.1", "", "--set=dataset.path=/my data/$(touch pwned)", "  ", "--limit=64\r", "; touch pwned"]
    assert job.run("Validate", ARGS="\n".join(lines)).returncode == 0
    setting = "--set=dataset.path=/my data/$(touch pwned)"
    fetch, convert, validate = job.calls
    assert fetch[5:] == convert[5:] == [setting]
    assert validate[6:] == ["--certify=0.1", setting, "--limit=64", "; touch pwned"]
    assert not (job.folder / "pwned").exists()


@pytest.mark.parametrize("code", ["1", "2", "3", "4", "5", "70", "130"])
def test_the_verdict_is_the_steps_exit_code(job: Job, code: str) -> None:
    finished = job.run("Validate", CODE_validate=code, MAKE="run.json junit.xml", BASELINE="b.json")
    assert finished.returncode == int(code)
    assert job.output == f"exit-code={code}\n"
    assert [call[2] for call in job.calls] == ["fetch", "convert", "validate"]


@pytest.mark.parametrize(("command", "called"), [("fetch", 1), ("convert", 2)])
def test_what_fails_before_ends_the_step(job: Job, command: str, called: int) -> None:
    finished = job.run("Validate", **{f"CODE_{command}": "3"})
    assert finished.returncode == 3
    assert len(job.calls) == called


def test_a_record_without_reports_gets_them(job: Job) -> None:
    finished = job.run("Validate", CODE_validate="3", MAKE="run.json", CODE_report="3")
    assert finished.returncode == 3
    assert job.calls[-1] == ["-m", "harness", "report", "my report", "--format", "md,junit"]


def test_a_baseline_is_checked_after_a_pass(job: Job) -> None:
    finished = job.run("Validate", BASELINE="my baseline.json", CODE_baseline="4", MAKE="run.json junit.xml")
    assert finished.returncode == 4
    assert job.calls[-1] == ["-m", "harness", "baseline", "check", "my report", "my baseline.json"]
    assert job.output == "exit-code=4\n"


def test_install_takes_the_actions_own_checkout_or_what_is_named(job: Job) -> None:
    assert job.run("Install", ACTION="/an action", INSTALL="").returncode == 0
    assert job.run("Install", ACTION="/an action", INSTALL="conversion-accuracy-harness[openvino]").returncode == 0
    assert [call[-1] for call in job.calls] == ["/an action[all]", "conversion-accuracy-harness[openvino]"]
    assert job.calls[0][:3] == ["-m", "pip", "install"]
    assert STEPS["Install"]["if"] == "inputs.install != 'none'"


def test_reports_are_kept_whatever_the_verdict() -> None:
    assert STEPS["Keep the report"]["if"].startswith("always()")
