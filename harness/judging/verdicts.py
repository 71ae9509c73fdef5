"""The verdict of every gate on every model, from rows and rules alone: for a run, and for a record that is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.config.gates import PRECISIONS, ParityGate
from harness.judging.certifying import answered
from harness.judging.chance import Fault, without_passes
from harness.judging.gates import errors_for, judge_model, without_reference
from harness.judging.judged import Judged, one_weighs_more, weight_in_words
from harness.judging.losses import Loss, never_failing
from harness.judging.ratio_gate import Yardstick, of_candidate, of_precision
from harness.judging.rules import Rules
from harness.judging.stability_gate import judge_stability
from harness.metrics.compare import correct_at
from harness.metrics.outcome import Outcome
from harness.record.figures import gate_part, unmeasured
from harness.record.schema import GatePart, Role, StabilityPart, Verdict, YardstickPart


@dataclass(frozen=True)
class JudgedModel:
    """A model of a run. ``failure``: why it was not evaluated, None if it was; ``unavailable``: and that may be."""

    id: str
    role: Role
    precision: str
    failure: str | None = None
    unavailable: bool = False


@dataclass(frozen=True)
class Counted:
    """What verdicts rest on. ``models``: in the configuration's order, the reference first.

    ``outcomes``: rows of every model that did not fail, of the same images in the same order; ``evaluated``: how many
    they are; ``whole_set``: size of the whole set; ``stability``, ``yardsticks``: what was measured, by candidate.
    """

    rules: Rules
    models: tuple[JudgedModel, ...]
    outcomes: Mapping[str, Outcome]
    evaluated: int
    whole_set: int
    stability: Mapping[str, StabilityPart] = field(default_factory=dict)
    yardsticks: Mapping[str, YardstickPart] = field(default_factory=dict)


def verdicts(
    counted: Counted,
    certified: Mapping[str, GatePart] | None,
    baseline: Sequence[GatePart],
    guessing: Sequence[Fault],
) -> tuple[GatePart, ...]:
    """Return every verdict: those of each model with `certify` next to its drop, then those of baselines.

    ``certified``: the gate `certify` by candidate, None if nothing is certified; ``guessing``: models that cannot be a
    reference. The gate `chance` says so first, and no gate passes that rests on one.
    """
    gates = tuple(part for model in counted.models for part in _gates_of(model, counted))
    if certified is not None:
        gates = _with_certified(gates, counted, certified)
    gates = (*gates, *baseline)
    if counted.rules.only is not None:
        gates = tuple(_left_out(part, counted.rules.only) for part in gates)
    return without_passes(gates, guessing)


def _left_out(part: GatePart, only: str) -> GatePart:
    """Return the verdict of a gate in a run that judges one gate alone; what a model's failure says stays."""
    if part.gate == only or (part.verdict == "error" and part.gate != "baseline"):
        return part
    reason = f"only the gate {only} was judged, on the images that it needs"
    return gate_part(part.gate, part.model, "not_applicable", reason, unmeasured(part.figures))


def _gates_of(model: JudgedModel, counted: Counted) -> Sequence[GatePart]:
    if model.failure is not None:
        lines = model.failure.splitlines() or [""]
        candidates = [model.id] if model.role == "candidate" else []
        verdict: Verdict = "not_applicable" if model.unavailable else "error"
        reason, added = lines[0].removeprefix(f"{model.id}: "), {model.id: counted.rules.gates[model.id].added}
        return errors_for([model.id], candidates, reason, verdict, added=added)
    rules = counted.rules
    candidate = model.role == "candidate"
    judged = Judged(
        model=model.id,
        outcome=counted.outcomes[model.id],
        reference=counted.outcomes[rules.reference] if candidate and rules.reference else None,
        precision=model.precision,
        whole_set=counted.whole_set,
        declared=rules.images is not None,
        classes=rules.classes,
    )
    gates = rules.gates[model.id]
    yardstick = _yardstick(model.id, gates.parity, counted) if candidate and gates.parity else None
    found = judge_model(judged, gates, rules.published, stops_early=rules.certify is not None, yardstick=yardstick)
    if candidate and gates.stability is not None:
        found.append(judge_stability(model.id, counted.stability.get(model.id), gates.stability))
    if rules.reference is None:
        parity, drop = (
            without_reference(name, model.id, on) for name, on in (("parity", gates.parity), ("drop", gates.drop))
        )
        return [parity, *found, drop]
    return found


def _yardstick(model: str, gate: ParityGate, counted: Counted) -> Yardstick | None:
    """Return what a candidate's error is divided by; None if it is judged by itself."""
    if gate.yardstick is None:
        return None
    if gate.yardstick in PRECISIONS:
        return of_precision(counted.yardsticks.get(model), gate.yardstick)
    return of_candidate(gate.yardstick, counted.outcomes.get(gate.yardstick), gate.images)


def _with_certified(
    gates: Sequence[GatePart], counted: Counted, certified: Mapping[str, GatePart]
) -> tuple[GatePart, ...]:
    """Put the gate certify next to each drop, which it replaces unless the whole set was evaluated."""
    parts: list[GatePart] = []
    for part in gates:
        is_drop = part.gate == "drop" and part.model in counted.outcomes
        on = part.verdict not in ("error", "not_applicable")
        parts.append(answered(part) if is_drop and on and counted.evaluated != counted.whole_set else part)
        if is_drop:
            parts.append(_certified(certified[part.model], counted))
        elif part.gate == "drop":  # its candidate failed or is unavailable, and so is this gate
            parts.append(part.model_copy(update={"gate": "certify"}))
    return tuple(parts)


def _certified(part: GatePart, counted: Counted) -> GatePart:
    """Return a certified drop, which does not pass if a small set that is not declared as whole was exhausted."""
    wanted, total = counted.rules.certify, counted.evaluated
    reference = counted.outcomes.get(counted.rules.compared_with)
    if wanted is not None and reference is not None and part.verdict != "not_applicable":
        right = int(correct_at(reference, 1).sum())
        warning = never_failing([Loss("Top-1", wanted.top1_max_drop_pp, right, total)], "pp")
        part = part.model_copy(update={"warning": warning})
    if wanted is None or part.verdict != "pass" or total != counted.whole_set or counted.rules.images is not None:
        return part
    if not one_weighs_more(total, wanted.top1_max_drop_pp):
        return part
    reason = weight_in_words(total, wanted.top1_max_drop_pp)
    return part.model_copy(update={"verdict": "inconclusive", "reason": f"{part.reason}; {reason}"})
