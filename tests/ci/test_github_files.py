"""What GitHub reads of the repository: the workflow, the issue forms; and the container's recipe."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import PROJECT

FORMS = sorted(path for path in (PROJECT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")


def read(path: Path) -> dict[Any, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_the_workflow_runs_what_every_ci_runs() -> None:
    workflow = read(PROJECT / ".github/workflows/ci.yml")
    job = workflow["jobs"]["run"]
    assert [step["run"] for step in job["steps"] if "run" in step] == ["bash .ci/run"]
    assert workflow["permissions"] == {"contents": "read"}
    supported = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert supported == ">=3.11,<3.14"
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_issue_forms_have_what_github_asks_of_one(form: Path) -> None:
    # docs.github.com, "Syntax for GitHub's form schema"
    data = read(form)
    assert {"name", "description", "body"} <= set(data)
    fields = [item for item in data["body"] if item["type"] != "markdown"]
    assert len({item["id"] for item in fields}) == len(fields) > 0
    for item in data["body"]:
        assert item["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        assert ("value" if item["type"] == "markdown" else "label") in item["attributes"]


def test_there_are_forms() -> None:
    assert len(FORMS) == 3


def test_the_container_runs_as_nobody_in_particular() -> None:
    text = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n", " ", text).splitlines()
    assert [line for line in lines if line.startswith("FROM ")] == [
        "FROM python:3.12-slim AS build",
        "FROM python:3.12-slim",
    ]
    [user] = [line for line in lines if line.startswith("USER ")]
    assert re.fullmatch(r"USER [1-9]\d+:[1-9]\d+", user)
    assert 'ENTRYPOINT ["harness"]' in lines
    ignored = (PROJECT / ".dockerignore").read_text(encoding="utf-8").split()
    assert ignored[0] == "*"
    for name in (item[1:] for item in ignored if item.startswith("!")):
        assert (PROJECT / name).exists(), name
    needed = {"pyproject.toml", "setup.py", "README.md", "LICENSE", "requirements.lock", "harness", "configs"}
    assert needed | {"datasets/demo"} == {item[1:] for item in ignored if item.startswith("!")}


def test_constraints_of_the_container_are_versions_without_hashes() -> None:
    lines = (PROJECT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    kept = [re.sub(r" \\$", "", line) for line in lines if not re.match(r" *--hash", line)]  # the Dockerfile's sed
    pins = [line for line in kept if line and not line.lstrip().startswith("#")]
    assert len(pins) > 50
    assert all(re.match(r"[a-z0-9._-]+==\S+( ;.*)?$", line) for line in pins)
