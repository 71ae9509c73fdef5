"""What earlier benchmarks reached on this machine, one line each, so that a loss is seen."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from harness.disk.versioned_json import parse_json

LOSS = 0.05  # from here on a slower run is said
_COMPARED = 5
_SAME = ("name", "scenario", "images", "cpu", "cores")


def read_history(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a history file, the oldest first; lines that are none are left out."""
    found = []
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for line in path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError, RecursionError):
                entry = parse_json(line)
                if isinstance(entry, dict) and isinstance(entry.get("images_per_second"), (int, float)):
                    found.append(entry)
    return found


def losses(history: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each new entry that is more than 5 % slower than the median of the last five quiet ones."""
    found = []
    for entry in new:
        before = [
            item["images_per_second"]
            for item in history
            if item.get("quiet") is True and all(item.get(key) == entry.get(key) for key in _SAME)
        ][-_COMPARED:]
        if not before:
            continue
        usual, now = median(before), entry["images_per_second"]
        if now < (1 - LOSS) * usual:
            doubt = "" if entry.get("quiet") else "; the machine was disturbed, measure again"
            found.append(
                f"{entry['scenario']}: {now:.1f} images/s, {100 * (1 - now / usual):.1f} % below the median of the "
                f"last {len(before)} ({usual:.1f}){doubt}"
            )
    return found


def add_to_history(path: Path, new: Sequence[Mapping[str, Any]]) -> None:
    """Append entries to a history file. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.writelines(f"{json.dumps(dict(entry), allow_nan=False)}\n" for entry in new)
