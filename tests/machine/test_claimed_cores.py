"""Processes that claim processors get different ones, until they end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import harness_environment

_CLAIM = """
import os, sys
from harness.machine.claimed_cores import claim_cores
print(claim_cores({count}), sorted(os.sched_getaffinity(0)), flush=True)
sys.stdin.read()
"""


def claiming(tmp_path: Path, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _CLAIM.format(count=count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=harness_environment(TMPDIR=str(tmp_path)),
        text=True,
    )


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system cannot bind a process to processors")
@pytest.mark.skipif(len(getattr(os, "sched_getaffinity", lambda _: [0])(0)) < 2, reason="needs two processors")
def test_two_processes_claim_different_processors_until_they_end(tmp_path: Path) -> None:
    allowed = sorted(os.sched_getaffinity(0))

    def said(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip()

    holding = [claiming(tmp_path, 1) for _ in allowed]
    assert sorted(map(said, holding)) == sorted(f"({core},) [{core}]" for core in allowed)
    late = claiming(tmp_path, 1)
    assert said(late) == f"() {allowed}"  # nothing is left, and nothing is bound
    for process in (*holding, late):
        process.communicate("")
    again = claiming(tmp_path, 1)
    assert said(again) == f"({allowed[0]},) [{allowed[0]}]"
    again.communicate("")


_THREADS = """
import os, threading
from harness.machine.claimed_cores import claim_cores
begun, end = threading.Barrier(3), threading.Event()
masks = {{}}
def wait(name):
    begun.wait()
    end.wait()
    masks[name] = sorted(os.sched_getaffinity(0))
threads = [threading.Thread(target=wait, args=(name,)) for name in "ab"]
for thread in threads:
    thread.start()
begun.wait()
claiming = threading.Thread(target=claim_cores, args=(1,))
claiming.start()
claiming.join()
end.set()
for thread in threads:
    thread.join()
print(masks["a"] == masks["b"] == sorted(os.sched_getaffinity(0)) and len(masks["a"]))
"""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system cannot bind a process to processors")
@pytest.mark.skipif(len(getattr(os, "sched_getaffinity", lambda _: [0])(0)) < 2, reason="needs two processors")
def test_every_thread_is_bound_whichever_of_them_claims(tmp_path: Path) -> None:
    """A worker claims in one thread and loads its models in another, which were there before."""
    done = subprocess.run(
        [sys.executable, "-c", _THREADS.format()],
        env=harness_environment(TMPDIR=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "1", done.stderr


def test_who_wants_all_processors_claims_none(tmp_path: Path) -> None:
    process = claiming(tmp_path, 10_000)
    out, _ = process.communicate("")
    assert out.startswith("() ")
