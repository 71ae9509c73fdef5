"""`python -m harness.bench.seeds CONFIG`: how often candidates pass parity and stability, over random images.

With `--kept FILE`, each seed's verdicts are saved as soon as they are known, and a later call continues with the next
seed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from harness.commands.options import add_config, positive
from harness.config import Config, load_config
from harness.disk.atomic import write_atomically
from harness.disk.leftovers import temporary_folder
from harness.engine.run import Options
from harness.engine.session import validate
from harness.errors import HarnessError, RecordError
from harness.judging.ratio_gate import JUDGED
from harness.record.schema import GatePart, RunRecord

IMAGES = 64
_HEAD = (
    "| candidate | parity passed | stability passed | ratio of means | of root mean squares |",
    "|---|---|---|---|---|",
)


@dataclass
class Seen:
    """The result of one candidate's gates: of each its verdicts, and the ratios where there are some."""

    verdicts: dict[str, list[str]] = field(default_factory=dict)
    ratios: dict[str, list[float]] = field(default_factory=dict)

    def take(self, gate: GatePart) -> None:
        """Add one verdict."""
        self.verdicts.setdefault(gate.gate, []).append(gate.verdict)
        for figure in gate.figures:
            if figure.name in JUDGED and figure.number is not None:
                self.ratios.setdefault(figure.name, []).append(figure.number)

    def passed(self, gate: str) -> str:
        """Return how often a gate passed: "20 of 20"."""
        found = self.verdicts.get(gate, [])
        return f"{found.count('pass')} of {len(found)}" if found else "n/a"

    def spread(self, ratio: str) -> str:
        """Return the least and the largest of a ratio."""
        found = self.ratios.get(ratio, [])
        return f"{min(found):.2f} to {max(found):.2f}" if found else "n/a"


@dataclass(frozen=True)
class Kept:
    """The verdicts of seeds that are through, in a file; of another configuration none are taken."""

    path: Path | None
    config: Config

    def read(self) -> dict[int, tuple[GatePart, ...]]:
        """Return the gates of each seed. Raises RecordError if the file is not one of these."""
        if self.path is None or not self.path.exists():
            return {}
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            if found["configuration"] != self._key:
                raise RecordError(f"{self.path}: has seeds of another configuration; delete it, or name another file")
            return {
                int(seed): tuple(GatePart.model_validate(gate) for gate in gates)
                for seed, gates in found["seeds"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError, ValidationError):
            raise RecordError(f"{self.path}: has no seeds of this command; delete it, or name another file") from None

    def write(self, seeds: dict[int, tuple[GatePart, ...]]) -> None:
        """Replace the file."""
        if self.path is not None:
            gates = {seed: [gate.model_dump(mode="json") for gate in found] for seed, found in seeds.items()}
            write_atomically(self.path, json.dumps({"configuration": self._key, "seeds": gates}).encode())

    @property
    def _key(self) -> str:
        return hashlib.sha256(self.config.model_dump_json().encode()).hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Validate one random choice of images a seed, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.bench.seeds", description=__doc__)
    add_config(parser)
    parser.add_argument("--seeds", metavar="N", type=positive, default=20, help="how many choices of images")
    parser.add_argument("--candidate", metavar="ID", action="append", help="only this one (repeatable; default: all)")
    parser.add_argument(
        "--kept", metavar="FILE", type=Path, help="keep each seed's verdicts here, and continue from them"
    )
    parser.add_argument("--at-once", metavar="N", type=positive, help="run at most N seeds that are not kept yet")
    options = parser.parse_args(arguments)
    try:
        config = load_config(options.config, options.overrides)
        taken = [item for item in config.candidates if options.candidate is None or item.id in options.candidate]
        kept = Kept(options.kept, config.model_copy(update={"candidates": tuple(taken)}))
        found = gates_over(kept, range(options.seeds), options.at_once)
    except HarnessError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_code
    print("\n".join((*_HEAD, *(row(name, seen) for name, seen in seen_of(found).items()))))
    print(f"{len(found)} of {options.seeds} seeds", file=sys.stderr)
    return 0


def gates_over(kept: Kept, seeds: Sequence[int], at_once: int | None = None) -> dict[int, tuple[GatePart, ...]]:
    """Return what the gates said of ``IMAGES`` images drawn with each seed: of those kept, and ``at_once`` new ones."""
    found = {seed: gates for seed, gates in kept.read().items() if seed in seeds}
    for seed in [seed for seed in seeds if seed not in found][:at_once]:
        print(f"seed {seed}", file=sys.stderr)
        found[seed] = tuple(_validated(kept.config, seed).gates)
        kept.write(found)
    return found


def seen_of(found: dict[int, tuple[GatePart, ...]]) -> dict[str, Seen]:
    """Return the result of each candidate's gates over all seeds."""
    seen: dict[str, Seen] = {}
    for _, gates in sorted(found.items()):
        for gate in gates:
            if gate.gate in ("parity", "stability") and gate.verdict != "not_applicable":
                seen.setdefault(gate.model, Seen()).take(gate)
    return seen


def row(name: str, found: Seen) -> str:
    """Return one candidate's line of the table."""
    cells = [f"`{name}`", found.passed("parity"), found.passed("stability"), *(found.spread(each) for each in JUDGED)]
    return f"| {' | '.join(cells)} |"


def _validated(config: Config, seed: int) -> RunRecord:
    subset = {"images": IMAGES, "seed": seed, "stratified": False}
    dataset = type(config.dataset).model_validate({**config.dataset.model_dump(), "subset": subset})
    with temporary_folder("seeds") as folder:
        return validate(config.model_copy(update={"dataset": dataset}), Options(out=Path(folder) / "run", quiet=True))


if __name__ == "__main__":
    sys.exit(main())
