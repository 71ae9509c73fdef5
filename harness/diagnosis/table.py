"""``python -m harness.diagnosis.table CONFIG``: every fault of the self-test planted and diagnosed, as a table.

A table that takes long is made in pieces: with ``--keep FILE --seconds 200`` it stops after that time with exit code 1,
and the same command continues it.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from harness.backends.base import CannotEditError
from harness.backends.registry import facts_of
from harness.config import Candidate, Config, load_config
from harness.conversion.prepared import prepare_models
from harness.diagnosis.diagnose import chosen, diagnose
from harness.diagnosis.faults import FAULTS, Fault
from harness.diagnosis.planted import plant
from harness.diagnosis.planted_rows import KeptRows, Row
from harness.disk.leftovers import temporary_folder
from harness.disk.marks import write_between
from harness.errors import HarnessError

Known = dict[tuple[bytes, ...], "np.ndarray[tuple[int, ...], np.dtype[np.float32]]"]


def rows(config: Config, candidate: Candidate, plantings: Sequence[tuple[Fault, ...]], *, fresh: bool) -> Iterator[Row]:
    """Plant and diagnose. ``fresh``: the reference runs each time, as it does for a user."""
    known: Known = {}
    for faults in plantings:
        with temporary_folder("diagnose") as folder:
            try:
                planted = plant(config, candidate, faults, folder)
            except CannotEditError as error:
                yield Row(faults, None, 0.0, str(error))
                continue
            start = time.perf_counter()
            try:
                (answer,) = diagnose(
                    planted.config,
                    candidate.id,
                    tamper=planted.tamper,
                    use_cache=False,
                    known=None if fresh else known,
                )
            except HarnessError as error:
                yield Row(faults, None, time.perf_counter() - start, str(error))
                continue
            yield Row(faults, answer, time.perf_counter() - start)


def as_markdown(found: Sequence[Row]) -> str:
    """Return the table: fault, answer, whether it is right, images, seconds."""
    lines = ["| fault | answer | right | images | seconds |", "|---|---|---|---|---|"]
    for row in found:
        name = " and ".join(item.name for item in row.faults) or "none"
        if row.answer is None:
            lines.append(f"| {name} | not tried: {row.reason.replace('|', '/')} | | | |")
            continue
        answer = row.answer.cause or row.answer.verdict
        images = row.answer.evidence.get("images", "")
        lines.append(f"| {name} | {answer} | {_right(row)} | {images} | {row.seconds:.1f} |")
    return "\n".join(lines) + "\n"


def _right(row: Row) -> str:
    """Return yes or no; a planted change without effect on the candidate is not a fault."""
    if row.answer is not None and row.answer.verdict == "clean":
        return "changes nothing here"
    return "yes" if row.is_right else "no"


def main(arguments: Sequence[str] | None = None) -> int:
    """Plant and diagnose every fault alone, or every pair, and print the table or write it into a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--candidate", help="plant into this candidate (default: the first whose files can be edited)")
    parser.add_argument("--pairs", action="store_true", help="every two faults instead of each alone")
    parser.add_argument("--page", type=Path, help="write the table into this page")
    parser.add_argument("--mark", help="between the marks of this name")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keep each row in this file and make no row again")
    parser.add_argument("--seconds", type=float, default=math.inf, help="stop after the row that ends later than this")
    options = parser.parse_args(arguments)
    until = time.monotonic() + options.seconds
    config = load_config(options.config, options.overrides)
    able = chosen(config, options.candidate)
    prepare_models(config)
    candidate = next((item for item in able if facts_of(item.backend).editor), able[0])
    plantings: list[tuple[Fault, ...]] = (
        list(combinations([item for item in FAULTS if not item.refusable], 2))
        if options.pairs
        else [(item,) for item in FAULTS]
    )
    kept = KeptRows(
        options.keep, [str(options.config), *options.overrides, candidate.id, "pairs" if options.pairs else "single"]
    )
    missing = kept.missing(plantings)
    for done, row in enumerate(kept.add(rows(config, candidate, missing, fresh=not options.pairs)), start=1):
        print(as_markdown([row]).splitlines()[-1], file=sys.stderr)
        if time.monotonic() > until and done < len(missing):
            print(f"{len(missing) - done} rows are missing; run the same command again", file=sys.stderr)
            return 1
    found = kept.rows
    if options.pairs:
        tried = [row for row in found if row.answer is not None]
        right = sum(1 for row in tried if row.is_right)
        text = f"{right} of {len(tried)} pairs named right; {len(found) - len(tried)} leave no valid model.\n\n"
        text += as_markdown([row for row in tried if not row.is_right])
    else:
        text = as_markdown(found)
    if options.page and options.mark:
        write_between(options.page, f"<!-- {options.mark}: begin -->", f"<!-- {options.mark}: end -->", text)
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
