"""`python -m harness.bench.seeds CONFIG`: how often candidates pass parity and stability, over random images."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.commands.options import add_config, positive
from harness.config import Config, load_config
from harness.disk.leftovers import temporary_folder
from harness.engine.run import Options
from harness.engine.session import validate
from harness.errors import HarnessError
from harness.judging.ratio_gate import JUDGED
from harness.record.schema import GatePart, RunRecord

IMAGES = 64
_HEAD = (
    "| candidate | parity passed | stability passed | ratio of means | of root mean squares |",
    "|---|---|---|---|---|",
)


@dataclass
class Seen:
    """What became of one candidate's gates: of each its verdicts, and the ratios where there are some."""

    verdicts: dict[str, list[str]] = field(default_factory=dict)
    ratios: dict[str, list[float]] = field(default_factory=dict)

    def take(self, gate: GatePart) -> None:
        """Take in one verdict."""
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Validate one random choice of images a seed, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.bench.seeds", description=__doc__)
    add_config(parser)
    parser.add_argument("--seeds", metavar="N", type=positive, default=20, help="how many choices of images")
    parser.add_argument("--candidate", metavar="ID", action="append", help="only this one (repeatable; default: all)")
    options = parser.parse_args(arguments)
    try:
        config = load_config(options.config, options.overrides)
        kept = [item for item in config.candidates if options.candidate is None or item.id in options.candidate]
        seen = seen_over(config.model_copy(update={"candidates": tuple(kept)}), range(options.seeds))
    except HarnessError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_code
    print("\n".join((*_HEAD, *(row(name, found) for name, found in seen.items()))))
    return 0


def seen_over(config: Config, seeds: Sequence[int]) -> dict[str, Seen]:
    """Return what each candidate's gates said of ``IMAGES`` images drawn with each seed."""
    seen: dict[str, Seen] = {}
    for seed in seeds:
        print(f"seed {seed}", file=sys.stderr)
        for gate in _validated(config, seed).gates:
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
