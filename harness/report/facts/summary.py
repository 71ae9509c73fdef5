"""The facts of a run as rows of finished text: terminal, Markdown and every later form say the same words.

Ids, names and reasons come from outside: each form still has to escape them for itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.record.schema import Accuracy, ComparisonPart, Flips, GatePart, ModelPart, RunRecord, Verdict
from harness.report.facts import gates, numbers
from harness.report.facts.compared_with import against, compared_with
from harness.report.facts.next_step import FIND_THE_CAUSE, next_step
from harness.report.facts.preprocessing import preprocessing_warnings
from harness.report.facts.verdict import CHANCE, RunVerdict, judge, no_yardstick
from harness.text import visible

_SEVERITY: dict[Verdict, int] = {"fail": 0, "error": 1, "inconclusive": 2, "pass": 3, "not_applicable": 4}
VERDICT_WORDS: dict[Verdict, str] = {
    "pass": "pass",
    "fail": "FAIL",
    "inconclusive": "INCONCLUSIVE",
    "error": "ERROR",
    "not_applicable": "not applicable",
}
_UNKNOWN = re.compile("Cause unknown; run `[^`]*` to find it[.]")  # of `harness.diagnosis.quick`
_COARSE_PP = 1.0  # from this change on, one decimal says it in a headline
_MANY_GATES = 12  # with more rows than this, those that need no action are folded
_POLICIES = {
    "fail": "the run stops (policy: fail)",
    "wrong": "counted as wrong for every model (policy: wrong)",
    "skip": "excluded from every count (policy: skip)",
}


@dataclass(frozen=True)
class AccuracyText:
    """A share of correct images: "78.31", "[74.99, 81.30]", "509/650"."""

    percent: str
    interval: str
    counts: str


@dataclass(frozen=True)
class ModelRow:
    """A model and what it reached; ``precision`` is "asked → effective" where the two differ."""

    id: str
    role: str
    device: str
    device_name: str
    precision: str
    top1: AccuracyText
    top5: AccuracyText
    images_per_second: str


@dataclass(frozen=True)
class ComparisonRow:
    """A candidate against the reference.

    Drops as text, in pp ("lost 0.154"); their paired 95 % intervals as numbers, a loss positive.
    """

    reference: str
    candidate: str
    agreement_percent: str
    agreement_counts: str
    fixed: str
    broken: str
    changed_wrong: str
    top1_drop: str
    top1_interval: str
    top5_drop: str
    top5_interval: str
    p_value: str
    max_abs_diff: str
    mean_abs_diff: str
    worst_image: str | None


@dataclass(frozen=True)
class GateRow:
    """A gate's verdict on one model."""

    gate: str
    model: str
    verdict: Verdict
    word: str
    measured: str
    limit: str
    reason: str


@dataclass(frozen=True)
class Summary:
    """Everything that each form of a report shows. Gates come worst first, in the record's order within a verdict.

    ``no_yardstick``: why nothing may pass, to be said before anything else; None as a rule.

    ``headline``: the accuracy of the candidate with the largest Top-1 drop; None without a verdict. ``next_step``: what
    to do now, one sentence without its end; None if the error itself says it. ``causes``: (candidate, sentence) of what
    is likely wrong with each candidate that a gate failed. ``interval_note``: why the paired intervals prove nothing,
    where they do not. ``compared_with``: what the comparisons are against: see :func:`compared_with`.
    """

    name: str
    verdict: RunVerdict
    next_step: str | None
    no_yardstick: str | None
    headline: str | None
    scope: str
    candidates: int
    compared_with: str
    models: tuple[ModelRow, ...]
    comparisons: tuple[ComparisonRow, ...]
    gates: tuple[GateRow, ...]
    bad_images: str | None
    warnings: tuple[str, ...]
    interval_note: str | None
    causes: tuple[tuple[str, str], ...]


def summarise(record: RunRecord) -> Summary:
    """Return the facts of a run, worded once for all reports."""
    verdict = judge(record)
    step = next_step(record, verdict)
    return Summary(
        name=visible(record.name),
        verdict=verdict,
        next_step=step,
        no_yardstick=no_yardstick(record),
        headline=_headline(record) if verdict.kind in ("pass", "fail", "undecided") else None,
        scope=_scope(record),
        candidates=sum(part.role == "candidate" for part in record.models),
        compared_with=compared_with(record),
        models=tuple(_model(part) for part in record.models),
        comparisons=tuple(_comparison(part) for part in record.comparisons),
        gates=tuple(gate_row(part) for part in sorted(_told(record), key=_first_to_read)),
        bad_images=_bad_images(record),
        warnings=_warnings(record),
        interval_note=_interval_note(record),
        causes=_causes(record, step),
    )


def _causes(record: RunRecord, step: str | None) -> tuple[tuple[str, str], ...]:
    """Return what is likely wrong, without what is the next step: a single fix, or the command that finds the cause."""
    mends = [part.mend for part in record.diagnosis if part.mend]
    once = mends[0] if len(mends) == 1 else ""
    told: dict[str, list[str]] = {}  # models by sentence: where the cause is unknown, one command finds all of them
    several = sum(part.mend is None for part in record.diagnosis) > 1
    for part in record.diagnosis:
        sentence = part.sentence.removesuffix(once).rstrip() or part.sentence
        if several and part.mend is None:
            sentence = sentence.replace(f" --candidate {part.model}", "")
        if (step or "").startswith(FIND_THE_CAUSE) and _UNKNOWN.fullmatch(sentence):
            sentence = "Cause unknown."
        told.setdefault(sentence, []).append(visible(part.model))
    return tuple((", ".join(models), visible(sentence)) for sentence, models in told.items())


def _told(record: RunRecord) -> list[GatePart]:
    """Return the gates without those of unavailable candidates, among several of which the matrix says so once."""
    if sum(part.role == "candidate" for part in record.models) < 2:
        return list(record.gates)
    absent = {part.id for part in record.models if part.status == "unavailable"}
    return [gate for gate in record.gates if gate.model not in absent or gate.verdict != "not_applicable"]


def _first_to_read(part: GatePart) -> tuple[bool, int]:
    return part.gate != CHANCE, _SEVERITY[part.verdict]


def _interval_note(record: RunRecord) -> str | None:
    """Return why the paired intervals prove nothing in a run that could stop once its certification was decided."""
    if not record.recorded_config.certifies or record.dataset.evaluated >= record.dataset.images:
        return None
    return (
        "intervals and p-values assume a fixed number of images, but this run could stop early; "
        "see the gate certify for what is proven"
    )


def _headline(record: RunRecord) -> str | None:
    """Return "Converted model lost 14.2 pp: 78.8 to 64.6 % Top-1", of the candidate with the largest drop.

    A candidate among several is named by its id. None without a drop, and next to a reference that is guessing.
    """
    percents = {part.id: part.top1.percent if part.top1 else None for part in record.models}
    drops = [(part.drop.top1_pp, part) for part in record.comparisons if part.drop.top1_pp is not None]
    if not drops or no_yardstick(record):
        return None
    drop, part = max(drops, key=lambda item: item[0])
    several = sum(model.role == "candidate" for model in record.models) > 1
    subject = visible(part.candidate) if several else "Converted model"
    decimals = 1 if abs(drop) >= _COARSE_PP else 2
    before, after = (numbers.percent(percents.get(name), decimals) for name in (part.reference, part.candidate))
    if several and numbers.change(drop) == "unchanged" and len(drops) > 1:
        return f"No candidate lost accuracy{against(record)}: {before} % Top-1"
    if numbers.change(drop) == "unchanged":
        return f"{subject} kept its accuracy{against(record)}: {after} % Top-1"
    size = f"{abs(drop):.1f} pp" if abs(drop) >= _COARSE_PP else numbers.change(drop).partition(" ")[2]
    return f"{subject} {'lost' if drop > 0 else 'gained'} {size}{against(record)}: {before} to {after} % Top-1"


def _scope(record: RunRecord) -> str:
    dataset = record.dataset
    if dataset.evaluated < dataset.images:
        images = f"{numbers.count(dataset.evaluated)} of {numbers.plural(dataset.images, 'image')} (a subset)"
    else:
        declared = record.recorded_config.dataset.declares_size
        whole = "the whole set" if declared else "all that are listed"
        images = f"{numbers.plural(dataset.evaluated, 'image')} ({whole})"
    return f"{visible(dataset.name)}: {images}"


def _model(part: ModelPart) -> ModelRow:
    asked, effective = visible(part.precision.requested), visible(part.precision.effective)
    return ModelRow(
        id=visible(part.id),
        role=part.role,
        device=visible(part.device),
        device_name=visible(part.device_name),
        precision=effective if asked == effective else f"{asked} → {effective}",
        top1=_accuracy(part.top1),
        top5=_accuracy(part.top5),
        images_per_second=_rate(part),
    )


def _rate(part: ModelPart) -> str:
    """Return images per second, with an interval where they were measured alone."""
    if part.speed is None:
        return "cached" if part.cached else numbers.rate(part.images_per_second)
    measured = part.speed.images_per_second
    return f"{numbers.rate(measured.median)} {numbers.interval(measured.ci95, numbers.rate)}"


def _accuracy(part: Accuracy | None) -> AccuracyText:
    if part is None:
        return AccuracyText(numbers.MISSING, numbers.MISSING, numbers.MISSING)
    return AccuracyText(
        percent=numbers.percent(part.percent),
        interval=numbers.interval(part.ci95_percent, numbers.percent),
        counts=f"{part.correct}/{part.total}",
    )


def _broken(flips: Flips) -> str:
    """Return the broken images and, where there are any, how many of them are near-ties of the reference."""
    return f"{flips.broken} ({numbers.plural(flips.near_ties, 'near-tie')})" if flips.near_ties else str(flips.broken)


def _comparison(part: ComparisonPart) -> ComparisonRow:
    drop, same = part.drop, part.top1_agreement
    return ComparisonRow(
        reference=visible(part.reference),
        candidate=visible(part.candidate),
        agreement_percent=numbers.percent(same.percent),
        agreement_counts=f"{same.count}/{same.total}",
        fixed=str(part.flips.fixed),
        broken=_broken(part.flips),
        changed_wrong=str(part.flips.changed_wrong),
        top1_drop=numbers.change(drop.top1_pp, unit=""),
        top1_interval=numbers.interval(drop.top1_ci95_pp, numbers.signed_pp),
        top5_drop=numbers.change(drop.top5_pp, unit=""),
        top5_interval=numbers.interval(drop.top5_ci95_pp, numbers.signed_pp),
        p_value=numbers.p_value(drop.top1_p_value),
        max_abs_diff=numbers.difference(part.max_abs_diff),
        mean_abs_diff=numbers.difference(part.mean_abs_diff),
        worst_image=None if part.worst_image is None else visible(part.worst_image),
    )


def gate_row(part: GatePart) -> GateRow:
    """Return a gate's verdict as text."""
    return GateRow(
        gate=visible(part.gate),
        model=visible(part.model),
        verdict=part.verdict,
        word=VERDICT_WORDS[part.verdict],
        measured=gates.measured(part),
        limit=gates.limit(part),
        reason=visible(part.reason),
    )


@dataclass(frozen=True)
class GateRows:
    """Gates for a table. ``folded``: those that need no action, where there are many; ``title`` counts them."""

    shown: tuple[GateRow, ...]
    folded: tuple[GateRow, ...]
    title: str


def gate_rows(rows: Sequence[GateRow]) -> GateRows:
    """Return the rows of a table of gates: the same reason for several gates of a model in one row."""
    quiet = [row for row in rows if row.verdict in ("pass", "not_applicable")]
    if len(rows) <= _MANY_GATES or not quiet:
        return GateRows(_joined(rows), (), "")
    passed = sum(row.verdict == "pass" for row in quiet)
    title = f"{numbers.plural(passed, 'gate')} passed, {len(quiet) - passed} not applicable"
    return GateRows(_joined([row for row in rows if row not in quiet]), _joined(quiet), title)


def _joined(rows: Sequence[GateRow]) -> tuple[GateRow, ...]:
    """Join rows of one model that say the same and have no figures, as those of a candidate that did not run."""
    joined: dict[object, GateRow] = {}
    for row in rows:
        plain = row.measured == row.limit == numbers.MISSING
        key = (row.verdict, row.model, row.reason) if plain else (row.gate, row.model, id(row))
        known = joined.get(key)
        joined[key] = replace(known, gate=f"{known.gate}, {row.gate}") if known else row
    return tuple(joined.values())


def _bad_images(record: RunRecord) -> str | None:
    bad = len(record.dataset.bad_images)
    if not bad:
        return None
    return f"{numbers.plural(bad, 'bad image')}: {_POLICIES[record.dataset.bad_images_policy]}"


def _warnings(record: RunRecord) -> tuple[str, ...]:
    """Return the run's warnings, those on the preprocessing, then the gates'; the same words once."""
    texts = [visible(warning) for warning in record.warnings]
    texts += preprocessing_warnings(record)
    texts += [
        f"{visible(gate.gate)} on {visible(gate.model)}: {visible(gate.warning)}"
        for gate in record.gates
        if gate.warning
    ]
    return tuple(dict.fromkeys(texts))
