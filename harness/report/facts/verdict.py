"""The verdict of a run in one sentence: what every report says first or last."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from harness import errors
from harness.record.schema import GatePart, RunRecord
from harness.report.facts import gates, numbers
from harness.report.facts.compared_with import against
from harness.text import visible

Kind = Literal["pass", "fail", "undecided", "error", "interrupted"]
CHANCE = "chance"  # the gate that comes first: no other passes where it is inconclusive
_SHOWN = 3  # gates named one by one; the gate table has the others


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
    """Return the verdict of a run. PASS only if the record confirms it: complete, images evaluated, a gate passed.

    That a model is no better than guessing comes first in its sentence, since all others rest on it.
    """
    verdict = _judge(record)
    fault = no_yardstick(record)
    if fault is None or verdict.sentence == fault:
        return verdict
    return replace(verdict, sentence=f"{fault}; {verdict.sentence}")


def no_yardstick(record: RunRecord) -> str | None:
    """Return why the accuracy of the reference, or of candidates without one, lets nothing pass; None: it does."""
    if record.status != "complete":
        return None
    faults = [_reason(gate) for gate in record.gates if gate.gate == CHANCE]
    return _first(faults) if faults else None


def _judge(record: RunRecord) -> RunVerdict:
    code = record.exit_code
    if record.status == "incomplete":
        return RunVerdict("interrupted", "INTERRUPTED", code, _interrupted(record))
    if record.status == "error":
        return RunVerdict("error", "BUG" if code == errors.EXIT_BUG else "ERROR", code, _error(record))
    if code == errors.EXIT_GATE_FAILED:
        return RunVerdict("fail", "FAIL", code, _failed(record))
    if code == errors.EXIT_NOTHING_DECIDED:
        return RunVerdict("undecided", "INCONCLUSIVE", code, _undecided(record))
    if code == errors.EXIT_BASELINE:
        return RunVerdict("error", "BASELINE NOT COMPARABLE", code, _error(record))
    if code != errors.EXIT_OK:
        return RunVerdict("error", "ERROR", code, _error(record))
    doubt = _doubt(record)
    if doubt:
        return RunVerdict("error", "INCONSISTENT RECORD", code, f"exit code 0, but {doubt}")
    return RunVerdict("pass", "PASS", code, _passed(record))


def model_with_role(record: RunRecord, model: str) -> str:
    """Return a model with its role: "candidate ir"."""
    role = next((part.role for part in record.models if part.id == model), "model")
    return f"{role} {visible(model)}"


def _gates(record: RunRecord, *verdicts: str) -> list[GatePart]:
    return [gate for gate in record.gates if gate.verdict in verdicts]


def _doubt(record: RunRecord) -> str | None:
    """Return why a record with exit code 0 must not be shown as a pass; None if nothing contradicts it."""
    if record.dataset.evaluated == 0:
        return "no image was evaluated"
    contrary = _gates(record, "fail", "error", "inconclusive")
    if contrary:
        gate = contrary[0]
        return f"gate {visible(gate.gate)} is '{gate.verdict}' for {model_with_role(record, gate.model)}"
    return None if _gates(record, "pass") else "no gate passed"


def _passed(record: RunRecord) -> str:
    passed = _gates(record, "pass")
    subjects = list(dict.fromkeys(gate.model for gate in passed))
    named = model_with_role(record, subjects[0]) if len(subjects) == 1 else numbers.plural(len(subjects), "model")
    sentence = (
        f"{numbers.plural(len(passed), 'gate')} passed for {named}"
        f" on {numbers.plural(record.dataset.evaluated, 'image')}"
    )
    drops = [part.drop.top1_pp for part in record.comparisons if part.drop.top1_pp is not None]
    if drops:
        worst = " at worst" if len(drops) > 1 else ""
        sentence += f"; Top-1 {numbers.change(max(drops))}{against(record)}{worst}"
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
        return f"{visible(gate.gate)} failed for {model_with_role(record, gate.model)}: {gates.breach(gate)}"
    if len({gate.model for gate in failed}) == 1:
        each = [f"{visible(gate.gate)} ({gates.breach(gate)})" for gate in failed]
        return f"{len(failed)} gates failed for {model_with_role(record, failed[0].model)}: {_first(each)}"
    each = [f"{visible(gate.gate)} for {model_with_role(record, gate.model)} ({gates.breach(gate)})" for gate in failed]
    return f"{len(failed)} gates failed: {_first(each)}"


def _undecided(record: RunRecord) -> str:
    if record.dataset.evaluated == 0:
        return "no image was evaluated"
    if fault := no_yardstick(record):
        return fault
    open_gates = _gates(record, "inconclusive")
    if not open_gates:
        reasons = {f"{visible(gate.gate)}: {_reason(gate)}": None for gate in _gates(record, "not_applicable")}
        return f"no gate applied ({_first(list(reasons))})" if reasons else "no gate applied; the record has none"
    each = [f"{visible(gate.gate)} for {model_with_role(record, gate.model)}" for gate in open_gates]
    if record.dataset.evaluated < record.dataset.images:
        images = f"{numbers.count(record.dataset.evaluated)} of {numbers.count(record.dataset.images)}"
        what = each[0] if len(each) == 1 else f"{len(each)} gates: {_first(each)}"
        return f"too few images ({images}) to decide {what}"
    if len(each) == 1:
        gate = open_gates[0]
        return f"{visible(gate.gate)} is inconclusive for {model_with_role(record, gate.model)}: {_reason(gate)}"
    return f"{len(each)} gates are inconclusive: {_first(_with_reasons(each, open_gates))}"


def _error(record: RunRecord, otherwise: str = "the evaluation could not be completed") -> str:
    """Return the first line of the error, or the first gate that could not be judged."""
    lines = (record.error or "").strip().splitlines()
    if lines:
        return visible(lines[0])
    broken = _gates(record, "error")
    if not broken:
        return otherwise
    gate = broken[0]
    first = f"{visible(gate.gate)} could not be judged for {model_with_role(record, gate.model)}: {_reason(gate)}"
    return first if len(broken) == 1 else f"{first}; and {len(broken) - 1} more"


def _interrupted(record: RunRecord) -> str:
    done, listed = record.dataset.evaluated, record.dataset.listed
    whole = f" of {numbers.count(listed)}" if listed else ""
    return f"{numbers.count(done)}{whole} images were evaluated before the run stopped; no verdict"


def _reason(gate: GatePart) -> str:
    """Return why a gate says what it says; the model is named next to it."""
    return visible(gate.reason.removeprefix(f"{gate.model}: ")).rstrip(".")


def _with_reasons(each: list[str], parts: list[GatePart]) -> list[str]:
    """Return the gates with their reasons, those that have the same reason together."""
    by_reason: dict[str, list[str]] = {}
    for name, part in zip(each, parts, strict=True):
        by_reason.setdefault(_reason(part), []).append(name)
    return [f"{', '.join(names)} ({reason})" for reason, names in by_reason.items()]


def _first(items: list[str]) -> str:
    more = len(items) - _SHOWN
    return "; ".join(items[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
