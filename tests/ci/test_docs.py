"""What the pages on CI, baselines, capsules and certification tell people to type is accepted, and does it."""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import build_parser
from tests.ci.test_action import ACTION
from tests.conftest import PROJECT

PAGES = ("ci.md", "baselines.md", "capsule.md", "certification.md")


def blocks(page: str, language: str) -> list[str]:
    text = (PROJECT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def documents() -> list[dict[str, Any]]:
    """Return whole files; a list is a part of one, some steps of a job."""
    found = [yaml.safe_load(block) for block in blocks("ci.md", "yaml")]
    return [document for document in found if isinstance(document, dict)]


GITLAB = next(document for document in documents() if ".accuracy" in document)


def commands() -> list[str]:
    found = [line.partition("#")[0] for page in PAGES for block in blocks(page, "") for line in block.splitlines()]
    found += [part.strip() for line in GITLAB[".accuracy"]["script"] for part in line.split("||")]
    return [line.strip() for line in found if line.startswith("harness ")]


def accepts(command: str) -> bool:
    given = shlex.split(command.replace("$ARGUMENTS", ""))[1:]
    _, unknown = build_parser().parse_known_args(given)
    return not unknown


def test_there_are_commands() -> None:
    assert len(commands()) >= 8


@pytest.mark.parametrize("command", commands())
def test_commands_are_accepted(command: str) -> None:
    assert accepts(command)


def test_the_examples_use_the_action_as_it_is() -> None:
    used = [
        step["with"]
        for document in documents()
        for job in document.get("jobs", {}).values()
        for step in job["steps"]
        if "conversion-accuracy-harness" in step["uses"]
    ]
    assert len(used) == 2
    for given in used:
        assert set(given) <= set(ACTION["inputs"])
        assert {name for name, value in ACTION["inputs"].items() if value.get("required")} <= set(given)
        for line in given["args"].splitlines():
            assert accepts(f"harness validate x.yml {line}")


def gitlab_job(name: str, folder: Path, **codes: str) -> tuple[int, list[str]]:
    """Run a job's script and then its after_script as GitLab does; return its exit code and the calls."""
    harness = folder / "harness"
    harness.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$*" >> calls.txt\n'
        'if [ "$1" = validate ]; then mkdir -p accuracy-report; echo x > accuracy-report/run.json; fi\n'
        'eval "exit \\${CODE_$1:-0}"\n',
        encoding="utf-8",
    )
    harness.chmod(harness.stat().st_mode | stat.S_IXUSR)
    base, job = GITLAB[".accuracy"], GITLAB[name]
    environment = {**base["variables"], **job["variables"], **codes, "PATH": f"{folder}:{os.environ['PATH']}"}
    codes_of = [
        subprocess.run(
            ["sh", "-e", "-c", "\n".join(lines)], cwd=folder, env=environment, timeout=60, check=False
        ).returncode
        for lines in (base["script"], base["after_script"])
    ]
    return codes_of[0], (folder / "calls.txt").read_text(encoding="utf-8").splitlines()


def test_the_gitlab_jobs_validate_and_report(tmp_path: Path) -> None:
    code, calls = gitlab_job("accuracy", tmp_path, CODE_validate="3")
    assert code == 3
    assert calls == [
        "fetch configs/x.yml --if-needed",
        "convert configs/x.yml --if-needed",
        "validate configs/x.yml --certify 0.1 --out accuracy-report",
        "report accuracy-report",
    ]


def test_the_nightly_gitlab_job_has_the_baseline(tmp_path: Path) -> None:
    code, calls = gitlab_job("accuracy-nightly", tmp_path)
    assert code == 0
    assert calls[2] == "validate configs/x.yml --set gates.baseline.file=accuracy/baseline.json --out accuracy-report"
    assert GITLAB[".accuracy"]["artifacts"]["reports"]["junit"] == "accuracy-report/junit.xml"
    assert GITLAB[".accuracy"]["artifacts"]["when"] == "always"


def test_the_configuration_in_the_page_is_valid() -> None:
    from harness.config.schema import Gates

    [gates] = [yaml.safe_load(block)["gates"] for block in blocks("baselines.md", "yaml")]
    found = Gates.model_validate(gates)
    assert found.baseline is not None
    assert found.baseline.top1_max_drop_pp == 0.1


def test_python_examples_parse() -> None:
    for block in blocks("ci.md", "python"):
        compile(block, "docs/ci.md", "exec")
