"""Real processes that are killed, interrupted, or run out of room; afterwards the record is the undisturbed one."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.conftest import Tiny, harness_environment, run_harness, run_harness_afresh, write_config, write_images
from tests.preloaded.starting import Process, server

IMAGES = 4000
KILLS = 20
SEED = 20240607
PATIENCE = 120

pytestmark = pytest.mark.slow


def channels_not_swapped(data: dict[str, Any]) -> None:
    data["candidates"][0]["input"]["color"] = "RGB"


@pytest.fixture(scope="module")
def project(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 16 shards of images and a candidate that is wrong on purpose, so that there are flips."""
    folder = tmp_path_factory.mktemp("faults")
    write_images(folder / "images", IMAGES, different=97)
    write_config(folder, tiny, channels_not_swapped)
    return folder


@pytest.fixture(scope="module")
def undisturbed(project: Path) -> Path:
    done = run_harness("validate", "config.yml", "--out", "undisturbed", cwd=project)
    assert done.returncode == 1, done.stderr
    return project / "undisturbed"


def start(project: Path, *arguments: object) -> Process:
    given = ["validate", "config.yml", *map(str, arguments)]
    return server().start(given, cwd=project, env=harness_environment())


def start_afresh(project: Path, *arguments: object) -> subprocess.Popen[str]:
    """Start a run as a user does, imports of the frameworks included."""
    return subprocess.Popen(
        [sys.executable, "-m", "harness", "validate", "config.yml", *map(str, arguments)],
        cwd=project,
        env=harness_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )


def stop(process: Process | subprocess.Popen[str], how: signal.Signals) -> None:
    """Send a signal to a process and all that it started, as a terminal does."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, how)


def finished_shards(run: Path) -> int:
    return len(list((run / "shards").glob("*.table")))


def wait_for(condition: Callable[[], bool], process: Process) -> None:
    end = time.monotonic() + PATIENCE
    while not condition() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.002)


def outcome(run: Path) -> dict[str, Any]:
    """Return everything of a record that may not depend on how often the run was disturbed."""
    record = json.loads((run / "run.json").read_text())
    kept = {key: record[key] for key in ("status", "exit_code", "dataset", "comparisons", "gates")}
    kept["counts"] = [(model["id"], model["top1"], model["top5"]) for model in record["models"]]
    return kept


def same_outcome(run: Path, undisturbed: Path) -> None:
    found = outcome(run)
    assert found == outcome(undisturbed)
    assert found["dataset"]["evaluated"] == IMAGES
    assert found["comparisons"][0]["flips"]["broken"] > 0
    tables = [pq.read_table(each / "predictions.parquet") for each in (run, undisturbed)]
    assert tables[0].equals(tables[1])
    assert len(set(tables[0]["image_id"].to_pylist())) == IMAGES
    assert not list(run.glob("**/.*.tmp"))


def wait_for_moment(
    randomness: random.Random, number: int, duration: float, run: Path, alive: Callable[[], bool]
) -> None:
    """Wait for the moment of a kill: for odd numbers a time within ``duration``, for even ones a count of shards."""
    moment, shards = randomness.uniform(0, duration), randomness.randrange(0, 16)
    begin = time.monotonic()
    while alive() and time.monotonic() < begin + PATIENCE:
        if time.monotonic() >= begin + moment if number % 2 else finished_shards(run) >= shards:
            return
        time.sleep(0.002)


def test_killed_at_random_moments(project: Path, undisturbed: Path) -> None:
    """Half of the moments are times between start and end, half of them numbers of finished shards.

    The first is killed and resumed as a user's process is, imports of the frameworks included.
    """
    randomness = random.Random(SEED)
    begin = time.monotonic()
    assert run_harness("validate", "config.yml", "--out", "timed", cwd=project).returncode == 1
    duration = time.monotonic() - begin
    killed: list[int] = []
    while len(killed) < KILLS:
        number = len(killed)
        run = project / f"killed-{number}"
        process = (start if number else start_afresh)(project, "--out", run)
        wait_for_moment(randomness, number, duration, run, lambda process=process: process.poll() is None)  # type: ignore[misc]
        stop(process, signal.SIGKILL)
        _, stderr = process.communicate()
        if process.returncode != -signal.SIGKILL:  # the moment came too late; the next one comes earlier
            assert process.returncode == 1, stderr
            shutil.rmtree(run)
            duration /= 2
            continue
        killed.append(finished_shards(run))
        if (run / "run.json").exists():
            assert json.loads((run / "run.json").read_text())["status"] in ("incomplete", "complete")
        again = run_harness if number else run_harness_afresh
        done = again("validate", "config.yml", "--resume", "--out", run, cwd=project)
        assert done.returncode == 1, done.stderr
        same_outcome(run, undisturbed)
    assert sum(0 < shards < 16 for shards in killed) >= KILLS // 4, killed


def test_killed_again_and_again_without_a_cache(project: Path, undisturbed: Path) -> None:
    run = project / "killed-uncached"
    for shards in (1, 6, 11):
        process = start(project, "--no-cache", "--resume", "--out", run)
        wait_for(lambda shards=shards: finished_shards(run) >= shards, process)  # type: ignore[misc]
        stop(process, signal.SIGKILL)
        process.communicate()
    assert 11 <= finished_shards(run) <= 16
    done = run_harness("validate", "config.yml", "--no-cache", "--resume", "--out", run, cwd=project)
    assert done.returncode == 1, done.stderr
    same_outcome(run, undisturbed)


@pytest.mark.parametrize("options", [(), ("--no-cache",)])
def test_interrupted(project: Path, undisturbed: Path, options: tuple[str, ...]) -> None:
    run = project / f"interrupted{''.join(options)}"
    process = start(project, "--out", run, *options)
    wait_for(lambda: finished_shards(run) >= 2, process)
    stop(process, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert stderr.count("harness: interrupted after ") == 1
    assert f"continue with: --resume --out {run}" in stderr
    assert stdout == ""
    record = json.loads((run / "run.json").read_text())
    assert (record["status"], record["exit_code"]) == ("incomplete", 130)
    assert {gate["verdict"] for gate in record["gates"]} == {"error"}
    done = run_harness("validate", "config.yml", "--resume", "--out", run, *options, cwd=project)
    assert done.returncode == 1, done.stderr
    same_outcome(run, undisturbed)


def test_a_second_process_is_refused_with_the_first_ones_id(project: Path, undisturbed: Path) -> None:
    run = project / "twice"
    process = start(project, "--no-cache", "--out", run)
    try:
        wait_for(lambda: finished_shards(run) >= 1, process)
        process.send_signal(signal.SIGSTOP)
        second = run_harness("validate", "config.yml", "--no-cache", "--resume", "--out", run, cwd=project)
        assert second.returncode == 3
        assert f"another run is writing to this folder (process id {process.pid})" in second.stderr
        assert "Traceback" not in second.stderr
    finally:
        process.send_signal(signal.SIGCONT)
        _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, stderr
    same_outcome(run, undisturbed)


def test_a_full_disk_in_the_middle(project: Path, undisturbed: Path, small_disk: Path) -> None:
    run = small_disk / "run"
    done = run_harness("validate", "config.yml", "--out", run, cwd=project)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("harness: ")]
    assert len(said) == 1
    assert said[0].endswith(
        "cannot be written: No space left on device; free some space, then run the same command with --resume"
    )
    assert 0 < finished_shards(run) < 16
    assert json.loads((run / "run.json").read_text())["status"] in ("error", "incomplete")
    again = run_harness("validate", "config.yml", "--resume", "--out", run, cwd=project)
    assert again.returncode == 3, again.stderr
    subprocess.run(["mount", "-o", "remount,size=32m", small_disk], check=True)
    done = run_harness("validate", "config.yml", "--resume", "--out", run, cwd=project)
    assert done.returncode == 1, done.stderr
    same_outcome(run, undisturbed)


def a_file(folder: Path) -> Path:
    (folder / "a-file").write_text("somebody's own")
    return folder / "a-file"


@pytest.mark.parametrize(
    "place", [a_file, lambda folder: a_file(folder) / "below", lambda _: Path("/proc/harness/run")]
)
def test_no_place_to_write(project: Path, place: Callable[[Path], Path]) -> None:
    out = place(project)
    done = run_harness("validate", "config.yml", "--out", out, cwd=project)
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    said = [line for line in done.stderr.splitlines() if line.startswith("harness: ")]
    assert len(said) == 1
    assert str(out) in said[0]
    assert "cannot be written" in said[0]
    if (project / "a-file").exists():
        assert (project / "a-file").read_text() == "somebody's own"
