"""The parts of a report's first screens as plain values for the template: gates by model, the question, timing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import NamedTuple

from harness.record.recorded_config import RecordedInput
from harness.record.schema import GatePart, RunRecord, Verdict
from harness.record.store import RECORD_FILE
from harness.report.facts import numbers
from harness.report.facts.summary import ComparisonRow, GateRow, Summary, gate_row
from harness.report.html.scales import Scale, scales
from harness.text import visible

_RANK: dict[Verdict, int] = {"fail": 0, "error": 1, "inconclusive": 2, "pass": 3, "not_applicable": 4}
_SYMBOLS: dict[Verdict, str] = {"pass": "✓", "fail": "✗", "inconclusive": "?", "error": "!", "not_applicable": "·"}
_PROCESS = "wall_seconds"
_SHORT_COMMIT = 10
_NAMED = 3  # models named one by one


@dataclass(frozen=True)
class GateCell:
    """A gate on a model: its words, its scales and a sign that needs no colour."""

    row: GateRow
    scales: tuple[Scale, ...]
    symbol: str


ModelGates = tuple[str, str, tuple[tuple[GateCell, ...], ...]]


@dataclass(frozen=True)
class GateMatrix:
    """Gates by model that did not pass: ``rows`` are (model, role, cells in the order of ``gates``).

    A cell has several parts where a gate comes twice. ``passed``: the same of those that passed, by ``passed_gates``,
    which ``passed_title`` names in one line. ``idle``: (gate, reason) of the gates that apply to no model.
    """

    gates: tuple[str, ...]
    idle: tuple[tuple[str, str], ...]
    rows: tuple[ModelGates, ...]
    passed_gates: tuple[str, ...]
    passed: tuple[ModelGates, ...]
    passed_title: str


def gate_matrix(record: RunRecord) -> GateMatrix:
    """Return the gates of every model, the models with the worst verdicts first, the reference last."""
    active = [part for part in record.gates if part.verdict != "not_applicable"]
    passed_gates, passed = _by_model(record, [part for part in active if part.verdict == "pass"])
    gates, rows = _by_model(record, [part for part in active if part.verdict != "pass"])
    idle = {name: _usual_reason(record, name) for name in dict.fromkeys(part.gate for part in record.gates)}
    return GateMatrix(
        gates=tuple(visible(gate) for gate in gates),
        idle=tuple((visible(gate), reason) for gate, reason in idle.items() if gate not in {*gates, *passed_gates}),
        rows=rows,
        passed_gates=tuple(visible(gate) for gate in passed_gates),
        passed=passed,
        passed_title=_passed_title(passed),
    )


def _by_model(record: RunRecord, parts: Sequence[GatePart]) -> tuple[list[str], tuple[ModelGates, ...]]:
    """Return the gates, those of candidates first, and a row for each model; the reference last."""
    roles = {part.id: part.role for part in record.models}
    of_candidates_first = sorted(parts, key=lambda part: roles.get(part.model) == "reference")
    gates = list(dict.fromkeys(part.gate for part in of_candidates_first))
    models = list(dict.fromkeys(part.model for part in parts))
    models.sort(key=lambda name: (roles.get(name) == "reference", *_severity(record, name)))
    rows = tuple(
        (
            visible(model),
            roles.get(model, "model"),
            tuple(
                tuple(
                    GateCell(gate_row(part), tuple(scales(part)), _SYMBOLS[part.verdict])
                    for part in parts
                    if (part.gate, part.model) == (gate, model)
                )
                for gate in gates
            ),
        )
        for model in models
    )
    return gates, rows


def _cells(row: ModelGates) -> list[GateCell]:
    return [cell for parts in row[2] for cell in parts]


def _passed_title(rows: Sequence[ModelGates]) -> str:
    """Return "4 gates passed for ir (parity, target, drop), tf (target)"; models are counted where there are many."""
    count = sum(len(_cells(row)) for row in rows)
    names = [f"{row[0]} ({', '.join(dict.fromkeys(cell.row.gate for cell in _cells(row)))})" for row in rows]
    models = ", ".join(names) if len(names) <= _NAMED else numbers.plural(len(names), "model")
    return f"{numbers.plural(count, 'gate')} passed for {models}"


def _usual_reason(record: RunRecord, gate: str) -> str:
    """Return why a gate applied to no model: the most frequent reason, of the models that ran if there are any."""
    ran = {part.id for part in record.models if part.status == "ok"}
    reasons = [part.reason for part in record.gates if part.gate == gate and part.model in ran]
    reasons = reasons or [part.reason for part in record.gates if part.gate == gate]
    return visible(Counter(reasons).most_common(1)[0][0])


def _severity(record: RunRecord, model: str) -> tuple[int, float, float]:
    """Return what sorts the worst model first: its worst verdict, its largest drop, its largest difference."""
    ranks = [_RANK[part.verdict] for part in record.gates if part.model == model]
    own = [part for part in record.comparisons if part.candidate == model]
    drop = max((part.drop.top1_pp or 0.0 for part in own), default=0.0)
    return min(ranks, default=5), -drop, -max((part.max_abs_diff or 0.0 for part in own), default=0.0)


def worst_first(record: RunRecord, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the comparisons, the one to look at first in front."""
    return sorted(pairs, key=lambda pair: _severity(record, pair[1]))


def question(record: RunRecord) -> str:
    """Return the question that the run answers."""
    candidates = [visible(part.id) for part in record.models if part.role == "candidate"]
    references = [visible(part.id) for part in record.models if part.role == "reference"]
    if not candidates:
        return "Does the converted model keep the accuracy?"
    if not references:
        return "Are the candidates accurate enough?"
    if len(candidates) == 1:
        return f"Does {candidates[0]} match the original ({references[0]})?"
    both = "both candidates" if len(candidates) == 2 else f"all {len(candidates)} candidates"
    return f"Do {both} match the original ({references[0]})?"


def timing(record: RunRecord) -> list[tuple[str, str, float]]:
    """Return (stage, duration, percent of the whole run) of every stage with a duration; the whole run first."""
    known = {name: value for name, value in record.timing.items() if value is not None and value >= 0}
    whole = max([known.get(_PROCESS, 0.0), *known.values()], default=0.0)
    order = sorted(known, key=lambda name: (name != _PROCESS, -known[name]))
    return [
        (
            visible(name.removesuffix("_seconds").replace("_", " ")),
            numbers.seconds(known[name]),
            round(100 * known[name] / whole, 1) if whole else 0.0,
        )
        for name in order
        if name.endswith("_seconds")
    ]


def input_contracts(record: RunRecord) -> dict[str, str]:
    """Return a description of each model's input, by model id, as far as the record's configuration has it."""
    return {model.id: _contract(model.input) for model in record.recorded_config.models if model.input}


def _contract(contract: RecordedInput) -> str:
    channels = f"channel order {visible(contract.color or 'unknown')}"
    if not contract.mean and contract.scale in (None, 1, 1.0):
        return f"{channels}, values 0 to 255"
    return visible(f"{channels}, (value - {contract.mean}) / {contract.scale}")


class StepPart(NamedTuple):
    """A piece of a sentence; ``code``: a command, to be copied."""

    text: str
    code: bool


def step_parts(sentence: str | None) -> tuple[StepPart, ...]:
    """Return a sentence in pieces, those between backticks as code."""
    return tuple(StepPart(text, bool(place % 2)) for place, text in enumerate((sentence or "").split("`")) if text)


def about(record: RunRecord, candidate: str | None) -> list[tuple[str, str, str]]:
    """Return (what, name, address) of the model, the commit and the run."""
    parts = [part for part in record.models if part.id == candidate]
    parts = parts or [part for part in record.models if part.role == "candidate"][:1]
    found = [("Model", visible(PurePath(part.model).name or part.id), "#model-files") for part in parts]
    commit = record.environment.get("git_commit")
    if isinstance(commit, str) and commit:
        found.append(("Commit", visible(commit[:_SHORT_COMMIT] + ("+" if commit.endswith("+") else "")), "#run"))
    return [*found, ("Run", f"{visible(record.started_utc[:16]).replace('T', ' ')} UTC", f"./{RECORD_FILE}")]


def accuracies(summary: Summary, focus: ComparisonRow) -> list[tuple[str, str, str, str]]:
    """Return (Top-k, reference, candidate, change in pp) of the comparison to look at first."""
    rows = {row.id: row for row in summary.models}
    one, other = rows[focus.reference], rows[focus.candidate]
    return [
        ("Top-1", one.top1.percent, other.top1.percent, focus.top1_drop),
        ("Top-5", one.top5.percent, other.top5.percent, focus.top5_drop),
    ]
