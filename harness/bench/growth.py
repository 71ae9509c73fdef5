"""`python -m harness.bench.growth CONFIG`: what a run costs as work grows: candidates, images, cores, picture size."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.bench.quietness import Others, in_words
from harness.disk.atomic import make_folder, write_atomically
from harness.errors import HarnessError

_HEAD = (
    "| pictures | cores | candidates | images | images/s | a further candidate / its inference alone "
    "| the same by processor time | peak memory |"
)
_REDUCED = {"candidates": (1, 3), "images": (512, 1024)}
_WHOLE = {"candidates": (1, 2, 4, 8, 12), "images": (1_000, 10_000, 50_000)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure each combination in a separate process, print the table as it grows; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.bench.growth", description=__doc__)
    parser.add_argument("config", metavar="CONFIG", type=Path)
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], dest="overrides")
    parser.add_argument("--pictures", metavar="NAME=PATH", action="append", default=[], help="image sets to compare")
    parser.add_argument("--candidates", type=_numbers, help="such as 1,2,4 (default: 1,2,4,8,12)")
    parser.add_argument("--images", type=_numbers, help="such as 1000,50000; the images are repeated to it")
    parser.add_argument("--reduced", action="store_true", help="1 and 3 candidates on 512 and 1,024 images")
    parser.add_argument("--out", type=Path, default=Path("reports/bench"), help="where growth.json and growth.md go")
    options = parser.parse_args(arguments)
    usual = _REDUCED if options.reduced else _WHOLE
    try:
        return _all(options, options.candidates or usual["candidates"], options.images or usual["images"])
    except HarnessError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_code


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _all(options: argparse.Namespace, candidates: Sequence[int], images: Sequence[int]) -> int:
    pictures = dict(item.split("=", 1) for item in options.pictures) or {"as configured": None}
    cores = sorted({1, len(os.sched_getaffinity(0))}) if hasattr(os, "sched_getaffinity") else [0]
    others, rows = Others(), []
    for (name, path), count in itertools.product(pictures.items(), cores):
        for rows_of_set, models in itertools.product(images, candidates):
            row = _one(options, path, count, models, rows_of_set)
            rows.append({"pictures": name, **row})
            print(_line(rows[-1], rows), flush=True)
    said = in_words(others.share())
    text = "\n".join([_HEAD, "|---|---|---|---|---|---|---|---|", *(_line(row, rows) for row in rows), "", said, ""])
    make_folder(options.out)
    write_atomically(
        options.out / "growth.json", (json.dumps({"rows": rows, "machine": said}, indent=2) + "\n").encode()
    )
    write_atomically(options.out / "growth.md", text.encode())
    print(f"{said}\n{options.out / 'growth.md'}")
    return 0


def _one(options: argparse.Namespace, path: str | None, cores: int, candidates: int, images: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "harness.bench", str(options.config), "--images", str(images)]
    command += ["--scenario", "IR with cached reference", "--candidates", str(candidates)]
    for override in (*options.overrides, *([f"dataset.path={path}"] if path else [])):
        command += ["--set", override]
    if cores:
        command = ["taskset", "-c", ",".join(map(str, sorted(os.sched_getaffinity(0))[:cores])), *command]
    done = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    found: dict[str, Any] = json.loads(done.stdout)
    return {**found, "candidates": candidates}


def marginal(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], *, by_processor: bool = False) -> float | None:
    """Return what a further candidate costs over what its inference costs alone, against the row with the fewest.

    Both in core-seconds per image, or in processor seconds, which other processes disturb less; the inference alone is
    measured in the row itself. None for that row.
    """
    same = [one for one in rows if all(one[key] == row[key] for key in ("pictures", "cores", "images"))]
    fewest = min(same, key=lambda one: int(one["candidates"]))
    more = row["candidates"] - fewest["candidates"]
    if more <= 0:
        return None
    if by_processor:
        cost = row["pipeline_processor_seconds_per_image"] - fewest["pipeline_processor_seconds_per_image"]
    else:
        cost = row["cores"] / row["achieved_images_per_second"] - row["cores"] / fewest["achieved_images_per_second"]
    stages = row["processor_seconds_per_image" if by_processor else "core_seconds_per_image"]
    alone = sum(seconds for stage, seconds in stages.items() if stage not in ("decode", "resize"))
    return float(cost / (alone * more / row["candidates"]))


def _line(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    ratios = (marginal(row, rows), marginal(row, rows, by_processor=True))
    cells = [
        row["pictures"],
        str(row["cores"]),
        str(row["candidates"]),
        f"{row['images']:,}",
        f"{row['achieved_images_per_second']:.1f}",
        *("" if ratio is None else f"{ratio:.2f}" for ratio in ratios),
        f"{row['peak_memory_bytes'] / 1e6:.0f} MB",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
