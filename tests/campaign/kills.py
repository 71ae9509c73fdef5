"""Commands are killed at random moments: what they write is whole or absent, and the next one leaves nothing behind.

``python -m tests.campaign.kills --kind suite --kills 40``; without ``--kind`` all of them, one after the other.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaign import killed_commands
from tests.campaign.killing import Bed, Writing, began, same_runs

_OFTEN = 4  # kills between two commands that run to their end


@dataclass
class Killed:
    """``kills``: SIGKILLs; ``left``: those after which a temporary file or folder lay there; ``ended``: commands that
    ran to their end afterwards; ``faults``: what was wrong.
    """

    name: str
    kills: int = 0
    left: int = 0
    ended: int = 0
    faults: list[str] = field(default_factory=list)

    def line(self) -> str:
        return f"| {self.name} | {self.kills} | {self.left} | {self.ended} | {len(self.faults)} |"


def killed_writes(writing: Writing, bed: Bed, kills: int, rng: random.Random) -> Killed:
    """Kill a command that writes one target, beside what an earlier one wrote and where nothing is."""
    result = Killed(writing.name)
    seconds = bed.to_end(writing.command, result.faults)
    expected = writing.contents()
    while result.kills < kills:
        there = result.kills % 2 == 0 and expected is not None
        if there:
            writing.put(expected or ())
        else:
            writing.remove()
        if not bed.killed(writing.command, rng, seconds, watched=(writing.place, bed.temporary)):
            continue  # it ended before
        result.kills += 1
        result.left += bool(bed.leftovers(writing.place, writing.files))
        if writing.contents() is not None:
            if fault := writing.unsound(expected):
                result.faults.append(f"kill {result.kills}: the target is neither whole nor absent: {fault}")
        elif there:
            result.faults.append(f"kill {result.kills}: what was there before is gone")
        if result.kills % _OFTEN == 0 or result.kills == kills:
            bed.to_end(writing.command, result.faults)
            result.ended += 1
            if fault := writing.unsound(expected):
                result.faults.append(f"kill {result.kills}: the next command did not write the same: {fault}")
            result.faults += [
                f"kill {result.kills}: left {name}" for name in bed.leftovers(writing.place, writing.files)
            ]
    return result


def killed_runs(
    name: str, command: Callable[[Path], list[str]], bed: Bed, kills: int, rng: random.Random, *, fresh: bool = False
) -> Killed:
    """Kill a run and resume it until it ends; its record is that of an undisturbed one.

    ``fresh``: each run begins anew instead, on the cache that the killed ones left.
    """
    result, whole = Killed(name), bed.folder / "whole"
    seconds = bed.to_end(command(whole), result.faults)
    bed.empty_cache()
    while result.kills < kills:
        out = bed.folder / f"run-{result.ended}"
        while result.kills < kills:
            resume = [] if fresh or not began(out) else ["--resume"]
            place = bed.cache if fresh else out
            if not bed.killed([*command(out), *resume], rng, seconds, watched=(place,)):
                break
            result.kills += 1
            result.left += bool(bed.leftovers(place))
            bed.orphans(out, result.faults)
            if fresh:
                out = bed.folder / f"run-{result.ended}-{result.kills}"
                if result.kills % _OFTEN == 0:
                    break
        if not bed.ended(out):
            bed.to_end([*command(out), *(["--resume"] if began(out) else [])], result.faults)
        result.ended += 1
        result.faults += [f"run {result.ended}: {text}" for text in same_runs(whole, out, counts_alone=fresh)]
        result.faults += [f"run {result.ended}: left {text}" for text in bed.leftovers(bed.cache if fresh else out)]
        if fresh and result.ended % 2:
            bed.empty_cache()
    return result


def of_kind(kind: str, folder: Path, kills: int, seed: int) -> list[Killed]:
    """Do all that a kind has; a folder of its own each."""
    found = []
    for name, work in killed_commands.works(kind):
        bed = Bed(folder / name.replace(" ", "-"))
        rng = random.Random(f"{name} {seed}")
        made = work(bed)
        if isinstance(made, Writing):
            found.append(killed_writes(made, bed, kills, rng))
        else:
            found.append(killed_runs(name, made.command, bed, kills, rng, fresh=made.fresh))
        print(found[-1].line(), *found[-1].faults, sep="\n", flush=True)
    return found


def main() -> int:
    """Kill, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=killed_commands.KINDS, help="only this one")
    parser.add_argument("--kills", type=int, default=40, help="of each command")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begin, found = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="kills-") as text:
        for kind in [options.kind] if options.kind else killed_commands.KINDS:
            found += of_kind(kind, Path(text), options.kills, options.seed)
    print("\n| command | SIGKILLs | something was left | ran to the end afterwards | faults |\n|---|---|---|---|---|")
    print(*(each.line() for each in found), sep="\n")
    print(f"\n{(time.monotonic() - begin) / 60:.0f} minutes.")
    return int(any(each.faults for each in found))


if __name__ == "__main__":
    sys.exit(main())
