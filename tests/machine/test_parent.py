"""What the harness starts ends with it, also where it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.machine.parent import VARIABLE, with_parent
from tests.conftest import harness_environment

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows does not tell who is the parent")

# Starts a process that holds a pipe of this test's: the pipe ends with the process.
STARTING = """
import os, subprocess, sys
from harness.machine.parent import with_parent
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], env=with_parent(dict(os.environ)))
child.wait()
"""
LIVING = """
import os, sys, time
from harness.machine.parent import end_with_parent
end_with_parent()
print("living", os.environ.get("HARNESS_PARENT_PROCESS"), flush=True)
while True:
    {body}
"""
ISOLATED = """
import sys
sys.path.insert(0, {project!r})
from harness.backends.isolation.backend import IsolatedBackend
from tests.machine.test_parent import spec
IsolatedBackend(spec(), "tests.machine.test_parent:Endless", 600).load()
"""


def started(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", STARTING, code],
        env=harness_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("body", ["time.sleep(60)", "sum(range(1000))"])
def test_a_process_ends_when_its_parent_is_killed(body: str) -> None:
    with started(LIVING.format(body=body)) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"living None\n"  # not for what it starts itself
        parent.kill()
        assert parent.stdout.read() == b""  # only once the child is no more, which holds the pipe, too


def test_a_process_whose_parent_is_gone_before_it_looks(tmp_path: Path) -> None:
    code = LIVING.format(body="time.sleep(60)")
    environment = {**harness_environment(), VARIABLE: "1" if os.getpid() != 1 else "2"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, check=False)
    assert done.returncode == -signal.SIGTERM


def test_others_go_on() -> None:
    code = "import threading; from harness.machine.parent import end_with_parent; end_with_parent()\n"
    code += "print(len(threading.enumerate()))"
    for value in (None, "", "x", "-1", "²"):
        environment = {**harness_environment(), **({} if value is None else {VARIABLE: value})}
        done = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, check=True)
        assert done.stdout == b"1\n"


def test_the_variables_name_this_process() -> None:
    assert with_parent({"A": "b"}) == {"A": "b", VARIABLE: str(os.getpid())}


def spec() -> Any:
    from harness.backends.base import ModelSpec
    from harness.config import Input

    return ModelSpec("m", "m", Input(color="BGR"), "out", 8, 3)


class Endless:
    """A backend whose model is never loaded."""

    def __init__(self, _: Any) -> None:
        pass

    def __enter__(self) -> Any:
        print("loading", file=sys.stderr, flush=True)
        while True:
            pass

    def __exit__(self, *_: object) -> None:
        pass


def test_an_isolated_model_in_an_endless_loop_ends_too() -> None:
    project = str(Path(__file__).resolve().parents[2])
    code = ISOLATED.format(project=project)
    environment = {**harness_environment(), "PYTHONPATH": project}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE) as parent:
        assert parent.stderr is not None
        for line in parent.stderr:
            if line == b"loading\n":
                break
        parent.kill()
        parent.stderr.read()  # ends with the child
