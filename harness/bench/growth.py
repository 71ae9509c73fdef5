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
from statistics import median
from typing import Any

from harness.bench.marginal import marginal
from harness.bench.quietness import Others, in_words
from harness.commands.options import positive
from harness.disk.atomic import make_folder, write_atomically
from harness.errors import ConfigError, HarnessError

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
    parser.add_argument(
        "--labels", metavar="NAME=FILE", action="append", default=[], help="labels of a set (default: as configured)"
    )
    parser.add_argument("--candidates", type=_numbers, help="such as 1,2,4 (default: 1,2,4,8,12)")
    parser.add_argument("--images", type=_numbers, help="such as 1000,50000; the images are repeated to it")
    parser.add_argument(
        "--repeat", type=positive, default=1, help="rounds, in which the numbers of candidates take turns"
    )
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
    return tuple(positive(part) for part in text.split(","))


def _all(options: argparse.Namespace, candidates: Sequence[int], images: Sequence[int]) -> int:
    pictures: Mapping[str, str | None] = _named("--pictures", options.pictures) or {"as configured": None}
    labels = _named("--labels", options.labels)
    if unknown := [name for name in labels if name not in pictures]:
        raise ConfigError(f"--labels {unknown[0]}=...: no --pictures has this name")
    cores = sorted({1, len(os.sched_getaffinity(0))}) if hasattr(os, "sched_getaffinity") else [0]
    others, rows = Others(), []
    for (name, path), count, rows_of_set in itertools.product(pictures.items(), cores, images):
        found = {"dataset.path": path, "dataset.labels": labels.get(name)}
        overrides = [*options.overrides, *(f"{key}={value}" for key, value in found.items() if value)]
        for round_, models in itertools.product(range(options.repeat), candidates):
            row = _one(options.config, overrides, count, models, rows_of_set)
            rows.append({"pictures": name, "round": round_, **row})
        print("\n".join(table(rows[-options.repeat * len(candidates) :])), flush=True)
    said = in_words(others.share())
    text = "\n".join([_HEAD, "|---|---|---|---|---|---|---|---|", *table(rows), "", said, ""])
    make_folder(options.out)
    write_atomically(
        options.out / "growth.json", (json.dumps({"rows": rows, "machine": said}, indent=2) + "\n").encode()
    )
    write_atomically(options.out / "growth.md", text.encode())
    print(f"{said}\n{options.out / 'growth.md'}")
    return 0


def _named(option: str, items: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in items:
        name, _, path = item.partition("=")
        if not name or not path:
            raise ConfigError(f"{option} {item}: expected NAME=PATH")
        if name in found:
            raise ConfigError(f"{option} {item}: the name is there twice")
        found[name] = path
    return found


def _one(config: Path, overrides: Sequence[str], cores: int, candidates: int, images: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "harness.bench", str(config), "--images", str(images)]
    command += ["--scenario", "IR with cached reference", "--candidates", str(candidates)]
    for override in overrides:
        command += ["--set", override]
    if cores:
        command = ["taskset", "-c", ",".join(map(str, sorted(os.sched_getaffinity(0))[:cores])), *command]
    done = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    found: dict[str, Any] = json.loads(done.stdout)
    return {**found, "candidates": candidates}


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each combination: medians of its rounds, and in brackets the least and the most."""
    lines = []
    for same in _groups(rows, ("pictures", "cores", "images")):
        fewest = {row["round"]: row for row in reversed(same) if row["candidates"] == _fewest(same)}
        for of_one in _groups(same, ("candidates",)):
            first = of_one[0]
            ratios = [[marginal(row, fewest[row["round"]], by_processor=by) for row in of_one] for by in (False, True)]
            cells = [
                first["pictures"],
                str(first["cores"]),
                str(first["candidates"]),
                f"{first['images']:,}",
                _middle([row["achieved_images_per_second"] for row in of_one], 1),
                *(_middle([ratio for ratio in of_kind if ratio is not None], 2) for of_kind in ratios),
                f"{max(row['peak_memory_bytes'] for row in of_one) / 1e6:.0f} MB",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def _groups(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[list[Mapping[str, Any]]]:
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return list(groups.values())


def _fewest(rows: Sequence[Mapping[str, Any]]) -> int:
    return min(int(row["candidates"]) for row in rows)


def _middle(numbers: Sequence[float], digits: int) -> str:
    if len(numbers) < 2:
        return f"{numbers[0]:.{digits}f}" if numbers else ""
    return f"{median(numbers):.{digits}f} ({min(numbers):.{digits}f}, {max(numbers):.{digits}f})"


if __name__ == "__main__":
    sys.exit(main())
