"""From shard tables to verdicts, exit code and matrix: one pipeline of pure functions, but for reading baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.config import Candidate
from harness.judging.baseline import CountedRun, baseline_gates
from harness.judging.certifying import answered
from harness.judging.chance import chance_faults, without_passes
from harness.judging.counting import (
    Rows,
    comparison_parts,
    dataset_part,
    merged_rows,
    model_parts,
    pair_parts,
    predictions_table,
)
from harness.judging.evaluation import EvaluatedModel, Evaluation, Judgement
from harness.judging.exit_codes import exit_code
from harness.judging.gates import (
    Judged,
    errors_for,
    judge_model,
    one_weighs_more,
    weight_in_words,
    without_reference,
)
from harness.judging.tradeoff import compare_candidates
from harness.record.recorded_config import RecordedConfig
from harness.record.schema import GatePart
from harness.record.shard_table import Failure


def judge(evaluation: Evaluation) -> Judgement:
    """Count, compare and judge a finished evaluation.

    The gates of each model come first, with `certify` beside each drop where one is certified; those of baselines
    follow. A baseline that cannot be read is a verdict of its gate and no exception. Where the reference is no
    yardstick, the gate `chance` says so first, and no other passes; without a reference, no gate of such a candidate.
    """
    rows = merged_rows(evaluation)
    dataset, models = dataset_part(evaluation, rows), model_parts(evaluation, rows)
    comparisons = comparison_parts(evaluation, rows)
    gates = model_gates(evaluation, rows)
    if evaluation.certified is not None:
        gates = _with_certified(gates, evaluation, evaluation.certified, rows)
    config = evaluation.config
    counted = CountedRun(config.name, dataset, models, comparisons, RecordedConfig.of(config.resolved()))
    gates = (*gates, *baseline_gates(counted, config))
    gates = without_passes(gates, chance_faults(models, counted.recorded_config, good=rows.good))
    return Judgement(
        exit_code=exit_code(gates, evaluated=rows.good),
        dataset=dataset,
        models=models,
        comparisons=comparisons,
        pairwise=pair_parts(evaluation, rows),
        gates=gates,
        matrix=compare_candidates(models, comparisons, gates),
        predictions=predictions_table(rows),
    )


def unfinished(evaluation: Evaluation, code: int, message: str) -> Judgement:
    """Return what can be said of an evaluation that was not finished: counts, and every gate `error` with the reason.

    ``code``: the exit code; ``message``: its first line is the reason.
    """
    rows = merged_rows(evaluation)
    candidates = [model.id for model in evaluation.models if model.role == "candidate"]
    reason = message.splitlines()[0]
    return Judgement(
        exit_code=code,
        dataset=dataset_part(evaluation, rows),
        models=model_parts(evaluation, rows),
        gates=tuple(errors_for([model.id for model in evaluation.models], candidates, reason)),
        predictions=predictions_table(rows),
    )


def model_gates(evaluation: Evaluation, rows: Rows) -> tuple[GatePart, ...]:
    """Return the verdicts of every gate on every model, in the order of the models."""
    return tuple(part for model in evaluation.models for part in _gates_of(model, evaluation, rows))


def _gates_of(model: EvaluatedModel, evaluation: Evaluation, rows: Rows) -> Sequence[GatePart]:
    if model.failure is not None:
        return _gates_of_failed(model, model.failure)
    config = evaluation.config
    candidate = model.configured if isinstance(model.configured, Candidate) else None
    judged = Judged(
        model=model.id,
        outcome=rows.outcomes[model.id],
        reference=rows.outcomes[config.reference.id] if candidate and config.reference else None,
        precision=model.precision,
        whole_set=rows.whole_set,
        declared=config.dataset.images is not None,
    )
    gates = config.gates_for(candidate)
    verdicts = judge_model(judged, gates, config.published)
    if config.reference is None:
        parity, drop = (
            without_reference(name, model.id, on) for name, on in (("parity", gates.parity), ("drop", gates.drop))
        )
        return [parity, *verdicts, drop]
    return verdicts


def _gates_of_failed(model: EvaluatedModel, failure: Failure) -> Sequence[GatePart]:
    reason = failure.message.splitlines()[0].removeprefix(f"{model.id}: ")
    candidates = [model.id] if model.role == "candidate" else []
    return errors_for([model.id], candidates, reason, "not_applicable" if failure.unavailable else "error")


def _with_certified(
    gates: Sequence[GatePart], evaluation: Evaluation, certified: Mapping[str, GatePart], rows: Rows
) -> tuple[GatePart, ...]:
    """Put the gate certify beside each drop, which it answers for as long as not the whole set was seen."""
    parts: list[GatePart] = []
    for part in gates:
        is_drop = part.gate == "drop" and part.model in rows.outcomes
        on = part.verdict not in ("error", "not_applicable")
        parts.append(answered(part) if is_drop and on and not rows.is_whole_set else part)
        if is_drop:
            parts.append(_certified(certified[part.model], evaluation, rows))
        elif part.gate == "drop":  # its candidate failed or is unavailable, and so is this gate
            parts.append(part.model_copy(update={"gate": "certify"}))
    return tuple(parts)


def _certified(part: GatePart, evaluation: Evaluation, rows: Rows) -> GatePart:
    """Return a certified drop, which is no pass where a small set that nobody called whole was exhausted."""
    wanted, total = evaluation.config.certify, len(rows.rows)
    if (
        wanted is None
        or part.verdict != "pass"
        or not rows.is_whole_set
        or evaluation.config.dataset.images is not None
    ):
        return part
    if not one_weighs_more(total, wanted.top1_max_drop_pp):
        return part
    reason = weight_in_words(total, wanted.top1_max_drop_pp)
    return part.model_copy(update={"verdict": "inconclusive", "reason": f"{part.reason}; {reason}"})
