"""From shard tables to verdicts, exit code and matrix: one pipeline of pure functions, but for reading baselines."""

from __future__ import annotations

from harness.judging.baseline import CountedRun, baseline_gates
from harness.judging.chance import chance_faults
from harness.judging.counting import (
    Rows,
    comparison_parts,
    dataset_part,
    merged_rows,
    model_parts,
    pair_parts,
    predictions_table,
)
from harness.judging.evaluation import Evaluation, Judgement
from harness.judging.exit_codes import exit_code
from harness.judging.gates import errors_for
from harness.judging.rules import Rules
from harness.judging.tradeoff import compare_candidates
from harness.judging.verdicts import Counted, JudgedModel, verdicts
from harness.record.recorded_config import RecordedConfig
from harness.text import first_line


def judge(evaluation: Evaluation) -> Judgement:
    """Count, compare and judge a finished evaluation.

    A baseline that cannot be read is a verdict of its gate and no exception.
    """
    rows = merged_rows(evaluation)
    dataset, models = dataset_part(evaluation, rows), model_parts(evaluation, rows)
    rules = Rules.of(evaluation.config)
    compared = rows.outcomes if rows.tables else {}
    comparisons = comparison_parts(rules, compared, rows.evaluated.image_ids)
    config = evaluation.config
    counted = CountedRun(config.name, dataset, models, comparisons, RecordedConfig.of(config.resolved()))
    gates = verdicts(
        _counted(evaluation, rules, rows),
        evaluation.certified,
        baseline_gates(counted, config),
        chance_faults(models, counted.recorded_config, good=rows.good),
    )
    return Judgement(
        exit_code=exit_code(gates, evaluated=rows.good),
        dataset=dataset,
        models=models,
        comparisons=comparisons,
        pairwise=pair_parts(rules, compared),
        gates=gates,
        matrix=None if rules.only else compare_candidates(models, comparisons, gates),  # one gate says not what ships
        predictions=predictions_table(rows),
    )


def unfinished(evaluation: Evaluation, code: int, message: str) -> Judgement:
    """Return what can be said of an evaluation that was not finished: counts, and every gate `error` with the reason.

    ``code``: the exit code; ``message``: its first line is the reason.
    """
    rows = merged_rows(evaluation)
    candidates = [model.id for model in evaluation.models if model.role == "candidate"]
    added = {name: gates.added for name, gates in Rules.of(evaluation.config).gates.items()}
    reason = first_line(message)
    return Judgement(
        exit_code=code,
        dataset=dataset_part(evaluation, rows),
        models=model_parts(evaluation, rows),
        gates=tuple(errors_for([model.id for model in evaluation.models], candidates, reason, added=added)),
        predictions=predictions_table(rows),
    )


def _counted(evaluation: Evaluation, rules: Rules, rows: Rows) -> Counted:
    models = (
        JudgedModel(
            id=model.id,
            role=model.role,
            precision=model.precision,
            failure=None if model.failure is None else model.failure.message,
            unavailable=model.failure is not None and model.failure.unavailable,
        )
        for model in evaluation.models
    )
    return Counted(
        rules,
        tuple(models),
        rows.outcomes,
        len(rows.rows),
        rows.whole_set,
        evaluation.stability,
        evaluation.yardsticks,
    )
