"""The results of planted faults, kept line by line in a file, so that a long table can be made in pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.diagnosis.answer import Diagnosis
from harness.diagnosis.faults import FAULTS, Fault
from harness.disk.parsing import parsing
from harness.errors import ConfigError

_FIGURES = ("images", "max_abs_diff_before", "max_abs_diff_after")  # of the evidence, as far as they are kept


@dataclass(frozen=True)
class Row:
    """One planting. ``answer``: None if it could not be planted or run, ``reason`` says why."""

    faults: tuple[Fault, ...]
    answer: Diagnosis | None
    seconds: float
    reason: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the causes that were named are those that were planted."""
        if self.answer is None:
            return False
        return sorted(filter(None, (self.answer.cause or "").split(" + "))) == sorted(
            item.cause for item in self.faults
        )


class KeptRows:
    """A file with one line per planted fault, below a line that names their table. ``path`` None: nothing is kept.

    Raises ConfigError if the file is of another table.
    """

    def __init__(self, path: Path | None, table: Sequence[str]) -> None:
        self._path = path
        self.rows: list[Row] = []
        if path is None:
            return
        head = json.dumps(list(table))
        if path.exists():
            with parsing(path, ConfigError, "give another file to --keep", what="damaged"):
                first, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
                if first != head:
                    raise ConfigError(f"{path}: holds rows of another table; give another file to --keep")
                self.rows = [_row(json.loads(line)) for line in lines]
        else:
            path.write_text(f"{head}\n", encoding="utf-8")

    def missing(self, plantings: Sequence[tuple[Fault, ...]]) -> list[tuple[Fault, ...]]:
        """Return the plantings that have no row yet."""
        known = {_names(row.faults) for row in self.rows}
        return [faults for faults in plantings if _names(faults) not in known]

    def add(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Keep and yield each row."""
        for row in rows:
            self.rows.append(row)
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(f"{json.dumps(_plain(row))}\n")
            yield row


def _names(faults: Sequence[Fault]) -> tuple[str, ...]:
    return tuple(fault.name for fault in faults)


def _plain(row: Row) -> dict[str, object]:
    answer = row.answer
    return {
        "faults": _names(row.faults),
        "seconds": row.seconds,
        "reason": row.reason,
        "answer": answer
        and {
            "candidate": answer.candidate,
            "reference": answer.reference,
            "verdict": answer.verdict,
            "cause": answer.cause,
            "sentence": answer.sentence,
            "evidence": {name: answer.evidence[name] for name in _FIGURES if name in answer.evidence},
        },
    }


def _row(plain: dict[str, object]) -> Row:
    by_name = {fault.name: fault for fault in FAULTS}
    answer = plain["answer"]
    return Row(
        tuple(by_name[name] for name in plain["faults"]),  # type: ignore[attr-defined]
        Diagnosis(**answer) if isinstance(answer, dict) else None,
        float(str(plain["seconds"])),
        str(plain["reason"]),
    )
