"""Processes that are killed: where they write, what they leave, and whether what they wrote is sound."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from tests.campaign.kind import PROJECT
from tests.records_equal import compare_runs

_ORPHAN = 60.0  # seconds that a child of a killed process may take to end
_LONGEST = 600.0
_LEAST = 0.1


class Bed:
    """Folders of one work: everything is written below ``folder``, temporary files included.

    ``program``: what is killed, before its arguments; ``installed``: a folder of packages that it finds.
    """

    def __init__(self, folder: Path, program: Sequence[str] = (sys.executable, "-m", "harness")) -> None:
        self.program = program
        self.folder, self.cache, self.temporary = folder, folder / "cache", folder / "tmp"
        self.installed = folder / "installed"
        self.temporary.mkdir(parents=True)
        self.empty_cache()

    def empty_cache(self) -> None:
        """Begin with an empty cache."""
        shutil.rmtree(self.cache, ignore_errors=True)
        self.cache.mkdir(mode=0o700)

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        packages = os.pathsep.join([str(PROJECT), str(self.installed)])
        own = {"HARNESS_CACHE": str(self.cache), "TMPDIR": str(self.temporary), "PYTHONPATH": packages}
        with (self.folder / "said.txt").open("wb") as said:
            return subprocess.Popen(
                [*self.program, *command],
                cwd=PROJECT,
                env={**os.environ, **own},
                stdout=subprocess.DEVNULL,
                stderr=said,
            )

    def to_end(self, command: list[str], faults: list[str]) -> float:
        """Run a command undisturbed and return its seconds; another exit code than 0 is a fault."""
        begin = time.monotonic()
        code = self._start(command).wait(_LONGEST)
        if code != 0:
            said = (self.folder / "said.txt").read_text(errors="replace").strip().splitlines()
            faults.append(f"{' '.join(command)}: exit code {code}: {' '.join(said[-3:])}")
        return time.monotonic() - begin

    def killed(self, command: list[str], rng: random.Random, seconds: float, *, watched: Collection[Path]) -> bool:
        """Run a command and kill it; False where it ended before.

        Half of the time at any moment of an undisturbed run, else shortly after something new lies in ``watched``: most
        of a run's time nothing is written.
        """
        process = self._start(command)
        begin, sudden = time.monotonic(), rng.random() < 0.5
        moment = rng.uniform(_LEAST, seconds)
        if not sudden:
            before = _entries(watched)
            while process.poll() is None and _entries(watched) <= before:
                time.sleep(0.001)
            moment = time.monotonic() - begin + rng.uniform(0, 0.02 if rng.random() < 0.5 else seconds / 4)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, moment - (time.monotonic() - begin)))
            return False
        process.kill()
        return process.wait() < 0

    def leftovers(self, place: Path, files: Collection[str] = ()) -> list[str]:
        """Return what lies below a place besides what belongs there, and every temporary file."""
        below = place.rglob("*") if not files else (path for path in place.iterdir() if path.name not in files)
        torn = [
            path.name
            for path in below
            if files or path.name.endswith(".tmp") or path.name.startswith((".convert", ".pixels"))
        ]
        return torn + [path.name for path in self.temporary.iterdir() if not path.name.startswith("conversion-")]

    def orphans(self, out: Path, faults: list[str]) -> None:
        """Wait for the children of a killed process: one that goes on is a fault, and is ended."""
        begin = time.monotonic()
        while found := list(_processes_with(str(out))):
            if time.monotonic() - begin > _ORPHAN:
                faults.append(f"{len(found)} processes went on for {_ORPHAN:g} s after their parent was killed")
                for number in found:
                    os.kill(number, 9)
                return
            time.sleep(0.05)

    def ended(self, out: Path) -> bool:
        """Return whether a run or suite in a folder came to its end."""
        for name in ("suite.json", "run.json"):
            with contextlib.suppress(OSError, ValueError):
                return bool(json.loads((out / name).read_text())["status"] == "complete")
        return False


@dataclass(frozen=True)
class Writing:
    """A command that writes ``files`` in ``place``, a folder of its own.

    ``fault``: what is wrong with them, by what the harness checks; ``exact``: two runs write the same bytes.
    """

    name: str
    command: list[str]
    place: Path
    files: tuple[str, ...]  # the last one is there only where all others are
    fault: Callable[[], str | None]
    exact: bool = True

    def unsound(self, expected: tuple[bytes, ...] | None) -> str | None:
        """Say why what lies there is not what an undisturbed command writes; None where it is."""
        if self.exact and self.contents() != expected:
            return "other bytes"
        return self.fault()

    def contents(self) -> tuple[bytes, ...] | None:
        """Return the files' bytes; None where the target is absent."""
        paths = [self.place / name for name in self.files]
        return tuple(path.read_bytes() for path in paths) if paths[-1].exists() else None

    def put(self, contents: Sequence[bytes]) -> None:
        """Write what ``contents`` gave."""
        for name, content in zip(self.files, contents, strict=True):
            (self.place / name).write_bytes(content)

    def remove(self) -> None:
        """Remove the target."""
        for name in self.files:
            (self.place / name).unlink(missing_ok=True)


@dataclass(frozen=True)
class Running:
    """``command``: that of a run into a folder; ``fresh``: see ``killed_runs``."""

    command: Callable[[Path], list[str]]
    fresh: bool = False


def began(out: Path) -> bool:
    """Return whether there is a run or suite in a folder that can be resumed."""
    return (out / "shards").is_dir() or (out / "suite.json").is_file()


def same_runs(whole: Path, out: Path, *, counts_alone: bool) -> list[str]:
    """Return in what the runs of two folders differ, those of suites one by one."""
    if (whole / "suite.json").is_file():
        names = sorted(path.parent.name for path in whole.glob("*/run.json"))
        return [text for name in names for text in same_runs(whole / name, out / name, counts_alone=counts_alone)]
    try:
        if not counts_alone:
            differences = compare_runs(whole, out)
            return [*differences.values, *differences.missing]
        one, two = (json.loads((folder / "run.json").read_text()) for folder in (whole, out))
        found = [key for key in ("comparisons", "exit_code") if one[key] != two[key]]
        counts = [[(model["id"], model["top1"], model["top5"]) for model in each["models"]] for each in (one, two)]
        found += ["counts"] if counts[0] != counts[1] else []
        tables = [pq.read_table(folder / "predictions.parquet") for folder in (whole, out)]
        return found + ([] if tables[0].equals(tables[1]) else ["predictions.parquet"])
    except OSError as error:
        return [f"no record: {error}"]


def _entries(places: Collection[Path]) -> set[str]:
    return {str(path) for place in places for path in place.rglob("*")}


def _processes_with(path: str) -> Iterator[int]:
    """Yield the numbers of the living processes whose command names a path or one below it (Linux)."""
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (place / "cmdline").read_text(errors="replace").split("\0")
            if any(item == path or item.startswith(f"{path}/") for item in words) and int(place.name) != os.getpid():
                yield int(place.name)
