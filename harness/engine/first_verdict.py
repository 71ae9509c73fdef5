"""The verdict on parity as soon as its images are through: what is broken is known before the first shard is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from harness.config.gates import PRECISIONS
from harness.engine.run import Run
from harness.judging.gates import judge_parity
from harness.judging.judged import Judged
from harness.judging.ratio_gate import judge_ratio, of_candidate
from harness.judging.rules import Rules
from harness.record.shard_table import ShardTable
from harness.text import printable

_WHOLE_BATCHES = 64  # images: of every usual batch size


@dataclass(frozen=True)
class FirstVerdict:
    """Takes the table of the first images and says each candidate's parity. ``say``: prints a line."""

    run: Run
    say: Callable[[str], None]

    @staticmethod
    def images(run: Run) -> int:
        """Return how many images the gate needs, filled up to whole batches; 0 where no candidate has it."""
        gates = [gates.parity for gates in Rules.of(run.config).gates.values()]
        most = max((gate.images for gate in gates if gate is not None), default=0)
        return -(-most // _WHOLE_BATCHES) * _WHOLE_BATCHES

    def __call__(self, table: ShardTable) -> None:
        """Print the verdicts; the shard's table has more about a model that failed."""
        rules, found = Rules.of(self.run.config), table.outcomes
        reference = found.get(rules.reference or "")
        if reference is None:
            return
        self.run.timing["first_verdict_seconds"] = time.perf_counter() - self.run.started_at
        for name in rules.candidates:
            gate = rules.gates[name].parity
            if gate is None or name not in found:
                continue
            if gate.yardstick in PRECISIONS:
                self.say(
                    printable(
                        f"{name}: parity is judged at the end, relative to what rounding to {gate.yardstick} changes"
                    )
                )
                continue
            precision = str(table.reported[name].get("effective_precision", "unknown"))
            judged = Judged(name, found[name], reference, precision, len(reference))
            if gate.yardstick is None:
                part = judge_parity(judged, gate)
            else:
                beside = of_candidate(gate.yardstick, found.get(gate.yardstick), gate.images)
                part = judge_ratio(judged, gate, beside)
            self.say(printable(f"{name}: parity {part.verdict.upper()}: {part.reason}"))
