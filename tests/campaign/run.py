"""The campaign, `make campaign`: each mutation is read in a process that may crash; only documented errors are allowed.

A worker process handles mutation after mutation and writes the number of each before it begins, so that the one that
crashed or hung is known; the next worker goes on behind it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.campaign.kind import PROJECT, Kind
from tests.campaign.kinds import KINDS

HANG = 20  # seconds


@dataclass
class Tally:
    """What became of the mutations of one kind. ``bugs``: "seed: error" of each that is not documented."""

    kind: str
    read: int = 0
    refused: int = 0
    bugs: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """All mutations."""
        return self.read + self.refused + len(self.bugs)


def prepare(folder: Path) -> None:
    """Make what kinds start from: a real run, an IR and a graph, by the demo's model."""
    import shutil

    demo = PROJECT / "datasets" / "demo"
    environment = {**os.environ, "HARNESS_CACHE": str(folder / "cache"), "PYTHONPATH": str(PROJECT)}
    graph = next(demo.rglob("*.pb"))
    shutil.copy(graph, folder / "tiny.pb")
    run = [sys.executable, "-m", "harness"]
    changes = [f"--set=candidates.ir.model={folder / 'tiny.xml'}"]
    subprocess.run(
        [*run, "convert", "configs/demo.yml", *changes], cwd=PROJECT, env=environment, check=True, capture_output=True
    )
    subprocess.run(
        [*run, "validate", "configs/demo.yml", *changes, "--limit", "40", "--out", str(folder / "a run")],
        cwd=PROJECT,
        env=environment,
        check=False,
        capture_output=True,
    )
    assert (folder / "a run" / "run.json").exists()


def work(kind: Kind, folder: Path, seeds: range) -> None:
    """Handle mutations one after the other; a line of JSON each."""
    from harness.errors import HarnessError

    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a hang ends the worker, which the parent counts
    own = Path(tempfile.mkdtemp(prefix="kind-", dir=folder))
    path = kind.make(own)
    sound = path.read_bytes()
    for seed in seeds:
        print(json.dumps({"begin": seed}), flush=True)
        signal.alarm(HANG)
        path.write_bytes(kind.mutate(sound, random.Random(f"{kind.name} {seed}")))
        found: dict[str, Any] = {"end": seed}
        try:
            kind.use(path)
        except HarnessError as error:
            found["refused"] = error.exit_code
        except Exception as error:  # noqa: BLE001  # what the campaign looks for
            found["bug"] = f"{type(error).__name__}: {str(error)[:200]}"
        signal.alarm(0)
        print(json.dumps(found), flush=True)


def run_kind(kind: Kind, folder: Path, count: int, start: int = 0) -> Tally:
    """Handle ``count`` mutations of a kind in workers of their own."""
    tally, seed, end = Tally(kind.name), start, start + count
    while seed < end:
        command = [sys.executable, "-m", "tests.campaign.run", "--work", kind.name, str(folder), str(seed), str(end)]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, check=False)
        last = seed
        for line in done.stdout.decode(errors="replace").splitlines():
            try:
                plain = json.loads(line)
            except ValueError:
                continue
            if "begin" in plain:
                last = plain["begin"]
            elif "bug" in plain:
                tally.bugs.append(f"{plain['end']}: {plain['bug']}")
            elif "refused" in plain:
                tally.refused += 1
            else:
                tally.read += 1
        if done.returncode == 0:
            return tally
        if tally.count == last - start + 1:  # it ended between two mutations: nothing of them did it
            raise RuntimeError(done.stderr.decode(errors="replace")[-2000:])
        what = "no answer within 20 s" if done.returncode == -signal.SIGALRM else f"ended by {done.returncode}"
        tally.bugs.append(f"{last}: {what}")
        seed = last + 1
    return tally


def table(tallies: list[Tally], seconds: float) -> str:
    """Return the result as a Markdown table."""
    lines = [
        "| what | mutations | read | refused with a message | undocumented, hung or crashed |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {t.kind} | {t.count:,} | {t.read:,} | {t.refused:,} | {len(t.bugs):,} |" for t in tallies]
    whole = [sum(values) for values in zip(*((t.count, t.read, t.refused, len(t.bugs)) for t in tallies), strict=True)]
    lines.append("| all | " + " | ".join(f"{value:,}" for value in whole) + " |")
    return "\n".join(lines) + f"\n\n{seconds / 60:.0f} minutes.\n"


def main() -> int:
    """Run the campaign, or one worker of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=100_000, help="of all kinds together")
    parser.add_argument("--start", type=int, default=0, help="first seed; another one makes other mutations")
    parser.add_argument("--kind", help="only this one")
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    by_name = {kind.name: kind for kind in KINDS}
    if options.work:
        name, folder, first, end = options.work
        work(by_name[name], Path(folder), range(int(first), int(end)))
        return 0
    chosen = [by_name[options.kind]] if options.kind else list(KINDS)
    begin = time.monotonic()
    tallies = []
    with tempfile.TemporaryDirectory(prefix="campaign-") as text:
        folder = Path(text)
        prepare(folder)
        for kind in chosen:
            if absent := [module for module in kind.needs if find_spec(module) is None]:
                print(f"{kind.name}: left out, {', '.join(absent)} is not installed")
                continue
            tallies.append(run_kind(kind, folder, options.mutations // len(chosen), options.start))
            kinds = Counter(bug.partition(": ")[2][:120] for bug in tallies[-1].bugs)
            print(
                f"{kind.name}: {tallies[-1].count:,}, {len(tallies[-1].bugs)} bugs", *kinds.most_common(5), sep="\n  "
            )
    print(table(tallies, time.monotonic() - begin))
    return int(any(tally.bugs for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
