"""The exit code that verdicts mean. Without numpy: records are checked by it, too."""

from __future__ import annotations

from collections.abc import Iterable

from harness.errors import EXIT_BASELINE, EXIT_GATE_FAILED, EXIT_NOT_COMPLETED, EXIT_NOTHING_DECIDED, EXIT_OK
from harness.record.schema import GatePart


def exit_code(gates: Iterable[GatePart], *, evaluated: int) -> int:
    """Return the exit code that the verdicts mean; the more serious wins, and nothing evaluated never passes."""
    found = {(gate.verdict, gate.gate == "baseline") for gate in gates}
    verdicts = {verdict for verdict, _ in found}
    if ("error", False) in found:
        return EXIT_NOT_COMPLETED
    if "fail" in verdicts:
        return EXIT_GATE_FAILED
    if ("error", True) in found:  # below a failed gate, which no baseline can change; docs/baselines.md
        return EXIT_BASELINE
    if evaluated == 0 or "inconclusive" in verdicts or "pass" not in verdicts:
        return EXIT_NOTHING_DECIDED
    return EXIT_OK
