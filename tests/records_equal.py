"""Compare two run folders: ``python -m tests.records_equal RUN_A RUN_B``.

Times, versions, paths and the wording of sentences may differ; such sentences are listed, and fields that were added
are named. Everything else (counts, verdicts, figures, the per-image table) has to be equal. Exit code 0: equal; 1: not;
2: a run cannot be read.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

# Whole subtrees that depend on the clock, the machine or the call. A pattern is matched against the whole path.
IGNORED = (
    r"started_utc|command|config_file|harness_version",
    r"timing(\..*)?",
    r"environment\.(python|platform|git_commit|versions\..*)",
    r"environment\.switches(\..*)?",
    r"models\[\d+\]\.(images_per_second|latency_ms\..*|seconds|load_seconds|framework|backend_version)",
    r"matrix(\[\d+\]|\.rows\[\d+\])?.*images_per_second",
)
# Sentences for people: they have to be there on both sides, their wording may change.
SENTENCES = (
    r"(.*\.)?(reason|warnings\[\d+\]|error|message|note|sentence)",
    r"(.*\.)?warnings",
    r"(.*\.)?bad_images\[\d+\]\.reason",
)


@dataclass
class Differences:
    """What two records differ in; ``values`` and ``missing`` make them unequal, the other lists only inform."""

    values: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    sentences: list[tuple[str, Any, Any]] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether everything that has to be equal is."""
        return not self.values and not self.missing


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(re.fullmatch(pattern, path) for pattern in patterns)


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("/")


def compare_values(first: Any, second: Any, differences: Differences, path: str = "") -> None:
    """Add to ``differences`` what ``second`` (newer) has otherwise than ``first``; floats have to be the same bits."""
    if path and _matches(path, IGNORED):
        return
    if isinstance(first, dict) and isinstance(second, dict):
        for key in first.keys() | second.keys():
            place = f"{path}.{key}" if path else str(key)
            if _matches(place, IGNORED):
                continue
            if key not in second:
                differences.missing.append(place)
            elif key not in first:
                differences.added.append(f"{place} = {json.dumps(second[key])[:100]}")
            else:
                compare_values(first[key], second[key], differences, place)
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for number, (a, b) in enumerate(zip(first, second, strict=True)):
            compare_values(a, b, differences, f"{path}[{number}]")
    elif type(first) is type(second) and first == second:
        return
    elif _matches(path, SENTENCES) and _both_or_neither(first, second):
        differences.sentences.append((path, first, second))
    elif _is_path(first) and _is_path(second) and Path(first).name == Path(second).name:
        return
    else:
        differences.values.append(f"{path}: {json.dumps(first)[:200]} != {json.dumps(second)[:200]}")


def _both_or_neither(first: Any, second: Any) -> bool:
    """Return whether both are non-empty texts, or lists of texts: one that fell silent differs by more than wording."""
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second)
    return isinstance(first, str) and isinstance(second, str) and bool(first) == bool(second)


def compare_tables(first: Path, second: Path, differences: Differences) -> None:
    """Compare two predictions.parquet cell by cell; NaN equals NaN."""
    if not first.exists() and not second.exists():
        return
    if first.exists() != second.exists():
        differences.missing.append(f"{(second if first.exists() else first).name} of one run")
        return
    a, b = pq.read_table(first), pq.read_table(second)
    differences.added.extend(
        f"predictions.parquet: column {name}" for name in b.column_names if name not in a.column_names
    )
    for name in a.column_names:
        if name not in b.column_names:
            differences.missing.append(f"predictions.parquet: column {name}")
            continue
        left, right = a[name].combine_chunks(), b[name].combine_chunks()
        if left.type != right.type or len(left) != len(right):
            differences.values.append(
                f"predictions.parquet: {name}: {len(left)} {left.type}, {len(right)} {right.type}"
            )
            continue
        # Compared cell by cell, since Arrow calls a column with NaN unequal to itself.
        unequal = sum(
            x != y and not (x != x and y != y) for x, y in zip(left.to_pylist(), right.to_pylist(), strict=True)
        )
        if unequal:
            differences.values.append(f"predictions.parquet: {name} differs in {unequal} of {len(left)} rows")


def compare_runs(first: Path, second: Path) -> Differences:
    """Compare two run folders, the older one first; raise OSError or ValueError where one cannot be read."""
    differences = Differences()
    older, newer = (json.loads((run / "run.json").read_text(encoding="utf-8")) for run in (first, second))
    compare_values(older, newer, differences)
    compare_tables(first / "predictions.parquet", second / "predictions.parquet", differences)
    return differences


def main(arguments: Sequence[str]) -> int:
    """Print what differs; return 0 where the runs are equal, 1 where not, 2 where they cannot be compared."""
    if len(arguments) != 2:
        print("usage: python -m tests.records_equal RUN_A RUN_B", file=sys.stderr)
        return 2
    try:
        differences = compare_runs(*map(Path, arguments))
    except (OSError, ValueError) as error:
        print(f"the runs cannot be compared: {error}", file=sys.stderr)
        return 2
    for title, lines in (
        ("Differing values", differences.values),
        ("Missing in the second", differences.missing),
        ("Added in the second", differences.added),
        ("Differing sentences", [f"{p}\n    - {a}\n    + {b}" for p, a, b in differences.sentences]),
    ):
        if lines:
            print(f"{title}:")
            print("".join(f"  {line}\n" for line in sorted(lines)), end="")
    print("equal but for times, versions, paths and wording" if differences.equal else "NOT equal")
    return 0 if differences.equal else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
