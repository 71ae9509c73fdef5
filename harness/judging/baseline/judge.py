"""The gate `baseline`: a run's exact counts against those of an accepted run on the same images.

Its verdict is `error` wherever the two cannot be compared; the run then ends with exit code 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from harness.config.schema import BaselineGate, Config
from harness.errors import BaselineError
from harness.judging.baseline.schema import (
    Baseline,
    FinishedRun,
    ModelRow,
    configured_preprocess,
    fingerprints_of,
    reference_with_name,
    row_of,
)
from harness.judging.baseline.store import read_baseline
from harness.judging.losses import Loss, never_failing
from harness.record.figures import change_in_words, gate_part
from harness.record.schema import Figure, GatePart, ModelPart

GATE = "baseline"


def baseline_gates(run: FinishedRun, config: Config) -> list[GatePart]:
    """Return the verdicts that a configuration's `gates.baseline` asks for; none if it asks for none.

    ``run``: complete but for these gates. Where the file cannot be used, every model's verdict says why.
    """
    overrides = {candidate.id: config.gates_for(candidate).baseline for candidate in config.candidates}
    gates = {model.id: overrides.get(model.id, config.gates.baseline) for model in run.models}
    known: dict[Path, Baseline | BaselineError] = {}
    parts: list[GatePart] = []
    for path in dict.fromkeys(gate.file for gate in (config.gates.baseline, *gates.values()) if gate is not None):
        try:
            known[path] = read_baseline(path)
        except BaselineError as error:
            known[path] = error
    configured = {model.id for model in config.models}
    for path, baseline in known.items():
        judged = {model: gate for model, gate in gates.items() if gate is not None and gate.file == path}
        if isinstance(baseline, BaselineError):
            parts += [_error(model, gate, str(baseline)) for model, gate in judged.items()]
            continue
        # A model that is configured, but switched this gate off, is not missing; nor does another file's model count.
        expected = [name for name in baseline.models if name in judged or name not in configured or name not in gates]
        parts += judge_baseline(run, baseline, judged, expected, path)
    return parts


def judge_baseline(
    run: FinishedRun,
    baseline: Baseline,
    gates: dict[str, BaselineGate],
    expected: list[str] | None = None,
    path: Path | None = None,
) -> list[GatePart]:
    """Return one verdict for each model in ``gates`` (its limits), and one for each expected model that is missing.

    ``expected``: the baseline's models that the run must have (None: all). ``path``: names the file in messages.
    """
    file = str(path or "the baseline")
    default = next(iter(gates.values()), None)
    missing = [name for name in (baseline.models if expected is None else expected) if name not in gates]
    parts = [
        _error(name, default, f"{file} has this model, the run does not; evaluate it, or save a baseline without it")
        for name in missing
    ]
    try:
        differing = list(_differences(run, baseline))
    except BaselineError as error:
        differing = [str(error)]
    models = {model.id: model for model in run.models}
    for name, gate in gates.items():
        if differing:
            parts.append(_error(name, gate, f"not comparable with {file}: {'; '.join(differing)}"))
        elif name not in baseline.models and name in models and models[name].status == "unavailable":
            reason = f"its device is unavailable, as it was in {file}"
            parts.append(gate_part(GATE, name, "not_applicable", reason, limited_figures(gate)))
        elif name not in baseline.models:
            reason = f"{file} has no counts for this model; save a run that has it: harness baseline update RUN FILE"
            parts.append(_error(name, gate, reason))
        elif name in models:
            parts.append(_judge(run, models[name], baseline.models[name], gate))
    return parts


def _differences(run: FinishedRun, baseline: Baseline) -> Iterator[str]:
    """Yield sentences on what makes the run and the baseline incomparable."""
    now, then = fingerprints_of(run), baseline.fingerprints
    if run.dataset.evaluated != baseline.images:
        yield f"{run.dataset.evaluated:,} images were evaluated, but {baseline.images:,} for the baseline"
    elif now.data != then.data:
        yield "different images, labels or order (data fingerprint " + _short(then.data, now.data)
    elif now.content and then.content and now.content != then.content:
        yield ("the same image ids, but different image content (content fingerprint ") + _short(
            then.content, now.content
        )
    if now.preprocess != then.preprocess:
        yield f"different preprocessing: {_changes(baseline, run)}"
    if then.reference not in (now.reference, reference_with_name(run)):
        yield "a different reference: its file, input contract or output (fingerprint " + _short(
            then.reference, now.reference
        )


def _short(then: str, now: str) -> str:
    return f"{then[:12]} then, {now[:12]} now)"


def _changes(baseline: Baseline, run: FinishedRun) -> str:
    then, now = baseline.preprocess, configured_preprocess(run)
    names = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    return (
        ", ".join(f"{name} {then.get(name)} then, {now.get(name)} now" for name in names) or "its fingerprint differs"
    )


def _judge(run: FinishedRun, model: ModelPart, then: ModelRow, gate: BaselineGate) -> GatePart:
    if model.status == "unavailable":
        why = model.error or "no reason is recorded"
        return _error(model.id, gate, f"has counts in the baseline, but its device is unavailable now: {why}")
    try:
        now = row_of(run, model)
    except BaselineError as error:
        return _error(model.id, gate, f"cannot be compared with the baseline: {error}")
    if now.images != then.images:
        return _error(model.id, gate, f"{now.images:,} images now, {then.images:,} in its baseline row")
    if now.preprocess != then.preprocess:
        changed = _short(then.preprocess or "the run's", now.preprocess or "the run's")
        return _error(
            model.id, gate, f"its images are prepared differently than for its baseline row (fingerprint {changed}"
        )
    measured: list[float] = []
    worse, better, every = [], [], []
    for k, most, before, after in (
        (1, gate.top1_max_drop_pp, then.top1_correct, now.top1_correct),
        (5, gate.top5_max_drop_pp, then.top5_correct, now.top5_correct),
    ):
        drop = Fraction(100 * (before - after), now.images)
        measured.append(float(drop))
        text = f"Top-{k} {before:,} -> {after:,} of {now.images:,} ({change_in_words(float(drop))}, limit {most:g} pp)"
        every.append(text)
        limit = Fraction(repr(most))
        if drop > limit:
            worse.append(text)
        elif -drop > limit:
            better.append(text)
    gain = (
        f"better than the baseline by more than the limit: {'; '.join(better)}; "
        "unexpected gains often mean the test changed, so find the cause, or update the baseline"
    )
    losses = [
        Loss("Top-1", gate.top1_max_drop_pp, then.top1_correct, then.images),
        Loss("Top-5", gate.top5_max_drop_pp, then.top5_correct, then.images),
    ]
    loose = never_failing(losses, "pp", "the baseline")
    notes = [*([gain] if better else []), *([loose] if loose else []), *_setting(then, now)]
    return gate_part(
        GATE,
        model.id,
        "fail" if worse else "pass",
        f"worse than the baseline: {'; '.join(worse)}" if worse else f"not worse than the baseline: {'; '.join(every)}",
        limited_figures(gate, measured),
        warning="; ".join(notes) or None,
    )


def _setting(then: ModelRow, now: ModelRow) -> Iterator[str]:
    """Yield how the model ran differently from then: comparable, but the reader must know."""
    pairs = (
        ("device", then.device, now.device),
        ("requested precision", then.precision.requested, now.precision.requested),
        ("effective precision", then.precision.effective, now.precision.effective),
    )
    for name, before, after in pairs:
        if before != after:
            yield f"{name} was {before} in the baseline, is {after} now"


def limited_figures(gate: BaselineGate, drops: Sequence[float | None] = (None, None)) -> list[Figure]:
    """Return the figures of a baseline's gate: the drops by Top-1 and Top-5 in pp, None if none was measured."""
    limits = (("top1", gate.top1_max_drop_pp), ("top5", gate.top5_max_drop_pp))
    return [
        Figure(
            name=f"{top}_drop_pp",
            value=drop,
            unit="pp",
            limit=most,
            limit_name=f"{top}_max_drop_pp",
            direction="at_most",
        )
        for (top, most), drop in zip(limits, drops, strict=True)
    ]


def _error(model: str, gate: BaselineGate | None, reason: str) -> GatePart:
    return gate_part(GATE, model, "error", reason, () if gate is None else limited_figures(gate))
