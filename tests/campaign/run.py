"""The campaign, `make campaign`: each mutation is read in a process that may crash; only documented errors are allowed.

A worker process handles mutation after mutation and writes the number of each before it begins, so that the one that
crashed or hung is known; the next worker goes on behind it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.campaign.kind import PROJECT, Kind
from tests.campaign.kinds import KINDS

HANG = 20  # seconds
_PIECE = 200  # mutations behind which the tally is kept


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

    def add(self, piece: Tally) -> None:
        """Add the mutations of another tally of the same kind."""
        self.read, self.refused = self.read + piece.read, self.refused + piece.refused
        self.bugs += piece.bugs


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


def mutated(kind: Kind, sound: bytes, seed: int) -> bytes:
    """Return the file of one seed."""
    return kind.mutate(sound, random.Random(f"{kind.name} {seed}"))


def outcome(kind: Kind, path: Path) -> dict[str, Any]:
    """Read a mutated file: nothing where it is read, `refused` where that is documented, else `bug`."""
    from harness.cli import _refusal
    from harness.errors import HarnessError

    try:
        kind.use(path)
    except HarnessError as error:
        return {"refused": error.exit_code} if str(error).strip() else {"bug": "a refusal without a message"}
    except SystemExit as error:  # argparse: a usage error
        return {"refused": error.code}
    except Exception as error:  # noqa: BLE001  # what the campaign looks for
        if _refusal(error):
            return {"refused": 3}
        return {"bug": f"{type(error).__name__}: {str(error)[:200]}"}
    return {}


def work(kind: Kind, folder: Path, seeds: range) -> None:
    """Handle mutations one after the other; a line of JSON each, on what was stdout."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print does not end up between the lines
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a hang ends the worker, which the parent counts
    if kind.addresses is not None:
        resource.setrlimit(resource.RLIMIT_AS, (kind.addresses, kind.addresses))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    own = Path(tempfile.mkdtemp(prefix="kind-", dir=folder))
    path = kind.make(own)
    sound = path.read_bytes()
    kind.use(path)  # what is sound is read, and frameworks are imported, before anything is timed
    for seed in seeds:
        print(json.dumps({"begin": seed}), file=answers, flush=True)
        signal.alarm(HANG)
        path.write_bytes(mutated(kind, sound, seed))
        found = outcome(kind, path)
        signal.alarm(0)
        print(json.dumps({"end": seed, **found}), file=answers, flush=True)


def run_kind(
    kind: Kind, folder: Path, count: int, start: int = 0, keep: Callable[[Tally, int], None] = lambda _, __: None
) -> Tally:
    """Handle ``count`` mutations of a kind in workers of their own.

    ``keep`` gets the tally of each piece, and the seed behind it.
    """
    whole, seed, end = Tally(kind.name), start, start + count
    while seed < end:
        piece = Tally(kind.name)
        last, code, said = _worker(
            kind, folder, seed, end, piece, lambda part, behind: _kept(whole, part, behind, keep)
        )
        if code != 0:
            if last is None:  # it ended between two mutations: nothing of them did it
                raise RuntimeError(f"{kind.name}: {said}")
            what = "no answer within 20 s" if code == -signal.SIGALRM else f"ended by {code}"
            piece.bugs.append(f"{last}: {what}")
            seed = last + 1
        else:
            seed = end
        _kept(whole, piece, seed, keep)
    return whole


def _kept(whole: Tally, piece: Tally, behind: int, keep: Callable[[Tally, int], None]) -> None:
    whole.add(piece)
    keep(piece, behind)
    piece.read = piece.refused = 0
    piece.bugs = []


def _worker(
    kind: Kind, folder: Path, seed: int, end: int, piece: Tally, full: Callable[[Tally, int], None]
) -> tuple[int | None, int, str]:
    """Run one worker; return the mutation that it ended at, None for none, its exit code, and what it said last."""
    command = [sys.executable, "-m", "tests.campaign.run", "--work", kind.name, str(folder), str(seed), str(end)]
    last = None
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=errors) as process:
            assert process.stdout is not None
            for plain in map(json.loads, process.stdout):
                if "begin" in plain:
                    last = plain["begin"]
                    continue
                last = None
                if "bug" in plain:
                    piece.bugs.append(f"{plain['end']}: {plain['bug']}")
                elif "refused" in plain:
                    piece.refused += 1
                else:
                    piece.read += 1
                if piece.count >= _PIECE:
                    full(piece, plain["end"] + 1)
        errors.seek(0)
        return last, process.returncode, errors.read()[-2000:].decode(errors="replace")


class Kept:
    """Tallies in a file, a line a piece, so that a campaign goes on where it stopped; ``path`` None: none are kept."""

    def __init__(self, path: Path | None, start: int) -> None:
        self._path, self._start = path, start
        self.tallies: dict[str, Tally] = {}
        self.seconds = 0.0
        self._next: dict[str, int] = {}
        for line in path.read_text().splitlines() if path and path.exists() else ():
            plain = json.loads(line)
            self._take(Tally(plain["kind"], plain["read"], plain["refused"], plain["bugs"]), plain["behind"])
            self.seconds += plain["seconds"]

    def _take(self, piece: Tally, behind: int) -> None:
        self.tallies.setdefault(piece.kind, Tally(piece.kind)).add(piece)
        self._next[piece.kind] = behind

    def next_of(self, kind: Kind) -> int:
        """Return the first seed of a kind that was not tried."""
        return max(self._start, self._next.get(kind.name, self._start))

    def add(self, piece: Tally, behind: int, seconds: float) -> None:
        """Keep one piece; ``behind``: the seed after its last."""
        self._take(Tally(piece.kind, piece.read, piece.refused, list(piece.bugs)), behind)
        self.seconds += seconds
        if self._path is not None:
            plain = {"kind": piece.kind, "behind": behind, "read": piece.read, "refused": piece.refused}
            with self._path.open("a") as file:
                file.write(json.dumps({**plain, "bugs": piece.bugs, "seconds": round(seconds, 1)}) + "\n")


def counts(kinds: list[Kind], mutations: int) -> dict[str, int]:
    """Return how many of the mutations each kind gets."""
    shares = sum(kind.share for kind in kinds)
    return {kind.name: max(1, round(mutations * kind.share / shares)) for kind in kinds}


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


def write_failing(kind: Kind, folder: Path, bugs: list[str], target: Path) -> None:
    """Write the files of the seeds that failed into a folder: KIND/SEED."""
    own = Path(tempfile.mkdtemp(prefix="kind-", dir=folder))
    sound = kind.make(own).read_bytes()
    place = target / kind.name.replace("/", "-")
    place.mkdir(parents=True, exist_ok=True)
    for bug in bugs:
        seed = int(bug.partition(":")[0])
        (place / str(seed)).write_bytes(mutated(kind, sound, seed))


def _there(kinds: list[Kind]) -> Iterator[Kind]:
    for kind in kinds:
        if absent := [module for module in kind.needs if find_spec(module) is None]:
            print(f"{kind.name}: left out, {', '.join(absent)} is not installed", flush=True)
        else:
            yield kind


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=100_000, help="of all kinds together")
    parser.add_argument("--seed", type=int, default=0, help="the first one; another one makes other mutations")
    parser.add_argument("--kind", action="append", help="only those whose names begin like this (repeatable)")
    parser.add_argument("--keep", type=Path, help="a file of tallies, from which it goes on where it stopped")
    parser.add_argument("--folder", type=Path, help="write what failed into this folder")
    parser.add_argument("--seconds", type=float, help="begin no further kind after so many")
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    return parser


def main() -> int:
    """Run the campaign, or one worker of it."""
    options = _parser().parse_args()
    by_name = {kind.name: kind for kind in KINDS}
    if options.work:
        name, folder, first, end = options.work
        work(by_name[name], Path(folder), range(int(first), int(end)))
        return 0
    chosen = list(_there([kind for kind in KINDS if kind.name.startswith(tuple(options.kind or [""]))]))
    wanted = counts(chosen, options.mutations)
    kept = Kept(options.keep, options.seed)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="campaign-") as text:
        prepare(Path(text))
        unread = []
        for kind in chosen:
            try:
                _campaign(kind, Path(text), wanted[kind.name] + options.seed, kept, options.folder)
            except RuntimeError as error:  # the others say something nevertheless
                unread.append(kind.name)
                print(error, flush=True)
            if options.seconds and time.monotonic() - begin > options.seconds:
                break
    tallies = [kept.tallies[kind.name] for kind in chosen if kind.name in kept.tallies]
    print(table(tallies, kept.seconds))
    return int(bool(unread) or any(tally.bugs for tally in tallies))


def _campaign(kind: Kind, folder: Path, end: int, kept: Kept, failing: Path | None) -> None:
    first, since = kept.next_of(kind), [time.monotonic()]
    if first >= end:
        return

    def keep(piece: Tally, behind: int) -> None:
        kept.add(piece, behind, time.monotonic() - since[0])
        since[0] = time.monotonic()

    tally = run_kind(kind, folder, end - first, first, keep)
    found = Counter(bug.partition(": ")[2][:120] for bug in tally.bugs)
    lines = [f"{count} x {what}" for what, count in found.most_common(8)]
    print(f"{kind.name}: {tally.count:,}, {len(tally.bugs)} bugs", *lines, sep="\n  ", flush=True)
    if failing and tally.bugs:
        write_failing(kind, folder, tally.bugs, failing)


if __name__ == "__main__":
    sys.exit(main())
