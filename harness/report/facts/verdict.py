"""The verdict of a run in one sentence: what every report says first or last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness import errors
from harness.record.schema import GatePart, RunRecord
from harness.report.facts import gates as gate_text
from harness.report.facts import numbers
from harness.text import visible

Kind = Literal["pass", "fail", "undecided", "error", "interrupted"]
_SHOWN = 3  # gates told one by one; the gate table has the others


@dataclass(frozen=True)
class RunVerdict:
    """A run's outcome: ``word`` is PASS, FAIL, ...; ``sentence`` says of what, by how much."""

    kind: Kind
    word: str
    exit_code: int
    sentence: str

    @property
    def line(self) -> str:
        """The whole verdict on one line: "FAIL (exit 1): parity failed for candidate ir: ..."."""
        return f"{self.word} (exit {self.exit_code}): {self.sentence}"


def judge(record: RunRecord) -> RunVerdict:
    """Return the verdict of a run. PASS only where the record bears it out: complete, images seen, a gate passed."""
    code = record.exit_code
    if record.status == "incomplete":
        return RunVerdict("interrupted", "INTERRUPTED", code, _interrupted(record))
    if record.status == "error":
        return RunVerdict("error", "BUG" if code == errors.EXIT_BUG else "ERROR", code, _error(record))
    if code == errors.EXIT_GATE_FAILED:
        return RunVerdict("fail", "FAIL", code, _failed(record))
    if code == errors.EXIT_NOTHING_DECIDED:
        return RunVerdict("undecided", "NOTHING DECIDED", code, _undecided(record))
    if code == errors.EXIT_BASELINE:
        return RunVerdict("error", "BASELINE NOT COMPARABLE", code, _error(record))
    if code != errors.EXIT_OK:
        return RunVerdict("error", "ERROR", code, _error(record))
    doubt = _doubt(record)
    if doubt:
        return RunVerdict("error", "RECORD CONTRADICTS ITSELF", code, f"it claims success, but {doubt}")
    return RunVerdict("pass", "PASS", code, _passed(record))


def whom(record: RunRecord, model: str) -> str:
    """Return a model with its role: "candidate ir"."""
    role = next((part.role for part in record.models if part.id == model), "model")
    return f"{role} {visible(model)}"


def _gates(record: RunRecord, *verdicts: str) -> list[GatePart]:
    return [gate for gate in record.gates if gate.verdict in verdicts]


def _doubt(record: RunRecord) -> str | None:
    """Return why a record that claims success must not read as a pass."""
    if record.dataset.evaluated == 0:
        return "no image was evaluated"
    against = _gates(record, "fail", "error", "inconclusive")
    if against:
        gate = against[0]
        return f"gate {visible(gate.gate)} is '{gate.verdict}' for {whom(record, gate.model)}"
    return None if _gates(record, "pass") else "no gate passed"


def _passed(record: RunRecord) -> str:
    passed = _gates(record, "pass")
    subjects = list(dict.fromkeys(gate.model for gate in passed))
    named = whom(record, subjects[0]) if len(subjects) == 1 else numbers.plural(len(subjects), "model")
    sentence = (
        f"{numbers.plural(len(passed), 'gate')} passed for {named}"
        f" on {numbers.plural(record.dataset.evaluated, 'image')}"
    )
    drops = [part.drop.top1_pp for part in record.comparisons if part.drop.top1_pp is not None]
    if drops:
        sentence += f"; largest Top-1 drop {numbers.signed_pp(max(drops))} pp"
    differences = [part.max_abs_diff for part in record.comparisons if part.max_abs_diff is not None]
    if differences:
        sentence += f"; max |Δp| {numbers.difference(max(differences))}"
    absent = sum(part.status == "unavailable" for part in record.models)
    candidates = sum(part.role == "candidate" for part in record.models)
    sentence += f"; {absent} of {numbers.plural(candidates, 'candidate')} unavailable" if absent else ""
    judged = {gate.gate for gate in passed}
    skipped = sorted({visible(gate.gate) for gate in _gates(record, "not_applicable") if gate.gate not in judged})
    return sentence + (f"; not applicable: {', '.join(skipped)}" if skipped else "")


def _failed(record: RunRecord) -> str:
    failed = _gates(record, "fail")
    if not failed:
        return _error(record, "a gate failed, but the record does not say which")
    if len(failed) == 1:
        gate = failed[0]
        return f"{visible(gate.gate)} failed for {whom(record, gate.model)}: {gate_text.breach(gate)}"
    told = [f"{visible(gate.gate)} for {whom(record, gate.model)} ({gate_text.breach(gate)})" for gate in failed]
    return f"{len(failed)} gates failed: {_first(told)}"


def _undecided(record: RunRecord) -> str:
    if record.dataset.evaluated == 0:
        return "no image was evaluated"
    open_gates = _gates(record, "inconclusive")
    if not open_gates:
        reasons = {f"{visible(gate.gate)}: {_reason(gate)}": None for gate in _gates(record, "not_applicable")}
        return f"no gate applied ({_first(list(reasons))})" if reasons else "no gate applied; the record has none"
    if len(open_gates) == 1:
        gate = open_gates[0]
        return f"{visible(gate.gate)} is inconclusive for {whom(record, gate.model)}: {_reason(gate)}"
    told = [f"{visible(gate.gate)} for {whom(record, gate.model)} ({_reason(gate)})" for gate in open_gates]
    return f"{len(open_gates)} gates are inconclusive: {_first(told)}"


def _error(record: RunRecord, otherwise: str = "the evaluation could not be completed") -> str:
    """Return the first line of the error, or the first gate that could not be judged."""
    lines = (record.error or "").strip().splitlines()
    if lines:
        return visible(lines[0])
    broken = _gates(record, "error")
    if not broken:
        return otherwise
    gate = broken[0]
    told = f"{visible(gate.gate)} could not be judged for {whom(record, gate.model)}: {_reason(gate)}"
    return told if len(broken) == 1 else f"{told}; and {len(broken) - 1} more"


def _interrupted(record: RunRecord) -> str:
    done, listed = record.dataset.evaluated, record.dataset.listed
    whole = f" of {numbers.count(listed)}" if listed else ""
    return f"{numbers.count(done)}{whole} images were evaluated before the run stopped; its figures decide nothing"


def _reason(gate: GatePart) -> str:
    return visible(gate.reason).rstrip(".")


def _first(told: list[str]) -> str:
    more = len(told) - _SHOWN
    return "; ".join(told[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
