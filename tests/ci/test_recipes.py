"""The recipes of docs/ci.md, run in a shell with the real harness: a model's repository with a tiny network."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.ci.test_action import STEPS
from tests.ci.test_docs import GITLAB, blocks, documents
from tests.conftest import Tiny, harness_environment, write_config, write_images, write_list
from tests.judging.test_certifying import right_labels
from tests.preloaded.starting import server

AT_ONCE, BEFORE_A_MERGE, EVERY_NIGHT, ACCEPT = (block.strip() for block in blocks("ci.md", "")[:4])

pytestmark = pytest.mark.slow


class Repository:
    """`configs/x.yml` as the page has it, 512 images, and a `harness` on the PATH."""

    def __init__(self, folder: Path, tiny: Tiny) -> None:
        self.folder = folder
        configs = folder / "configs"
        write_images(configs / "images", 512, different=64)
        write_list(configs / "images", right_labels(tiny, configs))
        self.configure(tiny)
        binaries = folder / "bin"
        binaries.mkdir()
        (binaries / "harness").write_text(
            f'#!/bin/sh\nexec {shlex.quote(str(server().python))} -m harness "$@"\n', "utf-8"
        )
        (binaries / "harness").chmod(0o755)

    def configure(self, tiny: Tiny, *, color: str = "BGR", images: int = 512) -> None:
        def change(data: dict[str, Any]) -> None:
            data["dataset"]["images"] = images
            data["candidates"][0]["input"]["color"] = color
            data["gates"] = {"parity": {"images": 16, "max_abs_diff": 1e-3}}

        write_config(self.folder / "configs", tiny, change).rename(self.folder / "configs" / "x.yml")

    def shell(self, script: str, shell: Sequence[str] = ("sh", "-e", "-c"), **environment: str) -> int:
        """Run a script after a fresh checkout, which has no report; return its exit code."""
        shutil.rmtree(self.folder / "accuracy-report", ignore_errors=True)
        return self.keep(script, shell, **environment)

    def keep(self, script: str, shell: Sequence[str] = ("sh", "-e", "-c"), **environment: str) -> int:
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        given = harness_environment(PATH=path, **environment)
        return subprocess.run(
            [*shell, script], cwd=self.folder, env=given, capture_output=True, timeout=120, check=False
        ).returncode

    def gates(self) -> dict[str, str]:
        record = json.loads((self.folder / "accuracy-report" / "run.json").read_text(encoding="utf-8"))
        return {gate["gate"]: gate["verdict"] for gate in record["gates"] if gate["model"] == "ir"}

    def junit(self, kind: str) -> int:
        text = (self.folder / "accuracy-report" / "junit.xml").read_text(encoding="utf-8")
        return len(re.findall(rf"<{kind} ", text))


@pytest.fixture
def repository(tmp_path: Path, tiny: Tiny) -> Repository:
    return Repository(tmp_path, tiny)


def test_at_once(repository: Repository, tiny: Tiny) -> None:
    assert "--parity-only" in AT_ONCE
    assert repository.shell(AT_ONCE) == 0
    repository.configure(tiny, color="RGB")
    assert repository.shell(AT_ONCE) == 1


def test_before_a_merge(repository: Repository, tiny: Tiny) -> None:
    assert "--certify 0.1" in BEFORE_A_MERGE
    assert repository.shell(BEFORE_A_MERGE) == 0
    assert (repository.gates()["parity"], repository.gates()["certify"]) == ("pass", "pass")
    assert (repository.junit("failure"), repository.junit("error")) == (0, 0)
    repository.configure(tiny, images=50_000)  # 512 of them cannot prove 0.1 pp
    assert repository.shell(BEFORE_A_MERGE) == 5
    assert (repository.gates()["certify"], repository.junit("error")) == ("inconclusive", 1)
    repository.configure(tiny, color="RGB")
    assert repository.shell(BEFORE_A_MERGE) == 1
    assert repository.gates()["parity"] == "fail"
    assert repository.junit("failure") >= 1


def test_every_night(repository: Repository, tiny: Tiny) -> None:
    assert repository.shell(EVERY_NIGHT) == 4  # nobody has accepted a run yet
    assert (repository.gates()["baseline"], repository.junit("error")) == ("error", 3)  # both models and the run
    assert repository.keep(ACCEPT) == 0
    assert repository.shell(EVERY_NIGHT) == 0
    assert (repository.gates()["drop"], repository.gates()["baseline"]) == ("pass", "pass")
    repository.configure(tiny, color="RGB")
    assert repository.shell(EVERY_NIGHT) == 1
    assert repository.gates()["baseline"] == "fail"


def arguments_of(workflow: str) -> dict[str, str]:
    """Return what a workflow of the page gives to the action, but for the place of ImageNet."""
    (document,) = (document for document in documents() if document.get("name") == workflow)
    given: dict[str, str] = document["jobs"]["conversion"]["steps"][-1]["with"]
    lines = [line for line in given["args"].splitlines() if not line.startswith("--set=dataset.path=")]
    inputs = {"CONFIG": given["config"], "ARGS": "\n".join(lines), "BASELINE": given.get("baseline", "")}
    return {**inputs, "PYTHON": str(server().python), "OUT": "accuracy-report", "GITHUB_OUTPUT": "output.txt"}


def test_the_action_with_the_real_harness(repository: Repository) -> None:
    script, bash = STEPS["Validate"]["run"], ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
    github = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(repository.folder / "summary.md")}
    assert repository.shell(script, bash, **arguments_of("accuracy"), **github) == 0
    assert repository.shell(script, bash, **arguments_of("accuracy-nightly"), **github) == 4
    output = (repository.folder / "output.txt").read_text(encoding="utf-8")
    assert output.splitlines() == ["exit-code=0", "exit-code=4"]
    assert (repository.folder / "summary.md").read_text(encoding="utf-8").count("\n## Gates") == 2


def test_the_gitlab_job_with_the_real_harness(repository: Repository) -> None:
    base = GITLAB[".accuracy"]
    variables = {**base["variables"], **GITLAB["accuracy"]["variables"]}
    assert repository.shell("\n".join(base["script"]), **variables) == 0
    assert repository.keep("\n".join(base["after_script"]), **variables) == 0
    assert repository.gates()["certify"] == "pass"
