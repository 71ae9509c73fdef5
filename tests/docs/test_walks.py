"""A walk through every tutorial and how-to guide in a fresh folder: each line is typed as it stands (`make walks`)."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import PROJECT, require
from tests.docs.pages import PAGES, Command, SavedFile, begins_with_the_demo, needs, steps, write
from tests.preloaded.starting import server

pytestmark = pytest.mark.walk
LONGEST = 300  # seconds of one command


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment in which `harness` and `python` are this checkout's, and the cache is new."""
    require("tensorflow")
    require("openvino")
    bin_folder = tmp_path_factory.mktemp("bin")
    for name, module in (("harness", "-m harness"), ("python", "")):
        file = bin_folder / name
        file.write_text(f'#!/bin/sh\nexec "{server().python}" {module} "$@"\n', encoding="utf-8")
        file.chmod(0o755)
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    cache = str(tmp_path_factory.mktemp("cache"))
    return {**os.environ, "PATH": path, "PYTHONPATH": str(PROJECT), "HARNESS_CACHE": cache}


@pytest.fixture(scope="module")
def demo(shell: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder where `harness demo` ran."""
    folder = tmp_path_factory.mktemp("demo")
    subprocess.run(["harness", "demo"], cwd=folder, env=shell, check=True, capture_output=True, timeout=LONGEST)
    return folder / "harness-demo"


@pytest.mark.parametrize("page", PAGES)
def test_walk(page: str, shell: dict[str, str], tmp_path: Path, request: pytest.FixtureRequest) -> None:
    missing = [name for name in needs(page) if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")
    if begins_with_the_demo(page):
        shutil.copytree(request.getfixturevalue("demo"), tmp_path / "harness-demo", symlinks=True)
    folder = tmp_path
    for step in steps(page):
        if isinstance(step, SavedFile):
            write(folder, step)
        elif step.line.startswith("cd "):
            folder /= step.line.removeprefix("cd ")
        else:
            type_in(step, folder, shell)


def type_in(command: Command, folder: Path, environment: dict[str, str]) -> None:
    """Run a line, and expect the exit code that the page says."""
    with subprocess.Popen(
        ["bash", "-c", command.line if not command.interrupted else f"exec {command.line}"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if not command.interrupted else subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    ) as process:
        if command.interrupted:
            assert process.stderr is not None
            said = next((line for line in process.stderr if "watching" in line), "")
            assert "exit code 0" in said
            process.send_signal(signal.SIGINT)
        output, rest = process.communicate(timeout=LONGEST)
    assert process.returncode == command.exit_code, f"{command.line}\n{output[-3000:]}{(rest or '')[-1000:]}"
    assert "Traceback" not in output + (rest or "")
