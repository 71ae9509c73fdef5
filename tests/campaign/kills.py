"""A validation is killed at random moments and resumed until it ends; its record is that of an undisturbed run."""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.campaign.kind import PROJECT
from tests.records_equal import compare_runs

_LONGEST = 8.0  # seconds until a kill; an undisturbed run of the demo takes about as long


def _start(out: Path, cache: Path, *more: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "HARNESS_CACHE": str(cache), "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "harness", "validate", "configs/demo.yml", "--no-cache", "--out", str(out), *more]
    return subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def killed_runs(folder: Path, kills: int, seed: int = 0) -> tuple[int, int, list[str]]:
    """Return how often was killed, how many runs ended for it, and what differs in their records."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    made = [sys.executable, "-m", "harness", "convert", "configs/demo.yml", "--if-needed"]
    subprocess.run(made, cwd=PROJECT, env=environment, check=True, capture_output=True)
    whole = folder / "whole"
    assert _start(whole, folder / "cache").wait() == 0
    rng, done, runs = random.Random(seed), 0, 0
    faults: list[str] = []
    while done < kills:
        out = folder / f"run-{runs}"
        while True:
            process = _start(out, folder / "cache", *(["--resume"] if (out / "shards").is_dir() else []))
            try:
                code = process.wait(rng.uniform(0.2, _LONGEST) if done < kills else None)
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                done += 1
        runs += 1
        if code != 0:
            faults.append(f"run {runs}: exit code {code}")
            continue
        differences = compare_runs(whole, out)
        faults += [f"run {runs}: {text}" for text in (*differences.values, *differences.missing)]
    return done, runs, faults


def main() -> int:
    """Kill and resume, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    options = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kills-") as text:
        kills, runs, faults = killed_runs(Path(text), options.kills)
    print(*faults, sep="\n")
    minutes = (time.monotonic() - begin) / 60
    print(f"{kills} kills, {runs} runs ended after them, {len(faults)} differences; {minutes:.0f} min")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
