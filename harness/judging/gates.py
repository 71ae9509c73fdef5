"""Gates: each turns measured values into a verdict with one sentence. Boundaries pass; gates are one-sided.

Accuracy limits are judged on exact fractions of integer counts, so that a boundary is a boundary and no rounding of
a percentage decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from harness.config.schema import DropGate, Gates, ParityGate, Published, TargetGate
from harness.errors import EXIT_BASELINE, EXIT_GATE_FAILED, EXIT_NOT_COMPLETED, EXIT_NOTHING_DECIDED, EXIT_OK
from harness.metrics.compare import correct_at, flip_counts
from harness.metrics.outcome import Outcome, as_decimal
from harness.metrics.statistics import images_to_decide, paired_drop
from harness.record.figures import gate_part, unmeasured
from harness.record.schema import Figure, GatePart, Verdict

_OFF = "switched off in the configuration"


@dataclass(frozen=True)
class Judged:
    """What the gates look at: one model's rows, the reference's rows, and how much of the whole set they are.

    ``whole_set``: size of the whole set. The rows of both outcomes belong to the same images in the same order.
    """

    model: str
    outcome: Outcome
    reference: Outcome | None
    precision: str
    whole_set: int


def judge_model(judged: Judged, gates: Gates, published: Published | None) -> list[GatePart]:
    """Return the verdicts on one model: `target` for every model, `parity` and `drop` for candidates."""
    verdicts = []
    if judged.reference is not None:
        verdicts.append(judge_parity(judged, gates.parity))
    verdicts.append(judge_target(judged, gates.target, published))
    if judged.reference is not None:
        verdicts.append(judge_drop(judged, gates.drop))
    return verdicts


def judge_parity(judged: Judged, gate: ParityGate | None) -> GatePart:
    """Judge the largest difference of any probability on the first images."""
    if gate is None:
        return _not_applicable("parity", judged, _OFF)
    first = judged.outcome[: gate.images]
    differences = [as_decimal(value) for value in first.max_abs_diff[~first.is_bad]]
    finite = all(map(math.isfinite, differences))
    measured = max(differences, default=0.0)
    figures = (
        Figure(name="images", value=len(differences), unit="images", limit=gate.images, limit_name="images"),
        Figure(
            name="max_abs_diff",
            value=measured if finite else None,
            unit="probability",
            limit=gate.max_abs_diff,
            limit_name="max_abs_diff",
            direction="at_most",
        ),
    )
    if not differences:
        return _not_applicable("parity", judged, "no image was compared", figures)
    where = f"the first {len(differences)} images at {judged.precision}"
    if not finite:
        return gate_part("parity", judged.model, "error", f"a probability on {where} is not a finite number", figures)
    beyond = sum(value > gate.max_abs_diff for value in differences)
    passed = measured <= gate.max_abs_diff
    shown = _beside(measured, gate.max_abs_diff)
    reason = (
        f"no probability differs by more than {shown} on {where}, limit {gate.max_abs_diff:g}"
        if passed
        else f"a probability differs by {shown} on {where}, limit {gate.max_abs_diff:g}; {beyond} of them are beyond it"
    )
    return gate_part("parity", judged.model, "pass" if passed else "fail", reason, figures)


def judge_target(judged: Judged, gate: TargetGate | None, published: Published | None) -> GatePart:
    """Judge accuracy against the published numbers: only on the whole set, only a shortfall fails."""
    if gate is None:
        return _not_applicable("target", judged, _OFF)
    if published is None:
        return _not_applicable("target", judged, "the configuration names no published accuracy")
    total = len(judged.outcome)
    percents = {k: Fraction(100 * int(correct_at(judged.outcome, k).sum()), max(1, total)) for k in (1, 5)}
    least = {
        1: _tidy(published.top1_percent - gate.top1_tolerance_pp),
        5: _tidy(published.top5_percent - gate.top5_tolerance_pp),
    }
    figures = [
        Figure(
            name=f"top{k}_percent",
            value=float(percent),
            unit="%",
            limit=least[k],
            limit_name=f"top{k}_percent_at_least",
            direction="at_least",
        )
        for k, percent in percents.items()
    ]
    if total == 0:
        return _not_applicable("target", judged, "no image was evaluated", figures)
    wanted = published.images or judged.whole_set
    if total != wanted or total != judged.whole_set:
        return _not_applicable(
            "target",
            judged,
            f"published on {wanted:,} images, {total:,} of {judged.whole_set:,} were evaluated",
            figures,
        )
    short, above = [], []
    for k, value, tolerance in (
        (1, published.top1_percent, gate.top1_tolerance_pp),
        (5, published.top5_percent, gate.top5_tolerance_pp),
    ):
        percent = percents[k]
        text = f"Top-{k} {float(percent):.3f} % against {value:g} % published (tolerance {tolerance:g} pp)"
        if percent < _exact(value) - _exact(tolerance):
            short.append(text)
        elif percent > _exact(value) + _exact(tolerance):
            above.append(text)
    warning = (
        f"{'; '.join(above)}: better than published, another protocol or label set may have been measured"
        if above
        else None
    )
    reason = (
        f"below the published accuracy: {'; '.join(short)}"
        if short
        else f"Top-1 {float(percents[1]):.3f} % and Top-5 {float(percents[5]):.3f} % reach the published "
        f"{published.top1_percent:g} % and {published.top5_percent:g} % within the tolerance"
    )
    return gate_part("target", judged.model, "fail" if short else "pass", reason, figures, warning=warning)


def judge_drop(judged: Judged, gate: DropGate | None) -> GatePart:
    """Judge the loss against the reference: exact counts on the whole set, the paired 95 % interval on a subset."""
    if gate is None:
        return _not_applicable("drop", judged, _OFF)
    figures = [
        Figure(name=f"top{k}_pp", value=None, unit="pp", limit=most, limit_name=f"top{k}_max_pp", direction="at_most")
        for k, most in ((1, gate.top1_max_pp), (5, gate.top5_max_pp))
    ]
    total = len(judged.outcome)
    if judged.reference is None or bool((judged.outcome.is_bad & judged.reference.is_bad).all()):
        return _not_applicable("drop", judged, "no image was evaluated", figures)
    measured: list[Figure] = []
    found: list[tuple[Verdict, str]] = []
    for figure, k, most in zip(figures, (1, 5), (gate.top1_max_pp, gate.top5_max_pp), strict=True):
        broken, fixed = flip_counts(judged.reference, judged.outcome, k)
        measured.append(figure.model_copy(update={"value": 100 * (broken - fixed) / total}))
        decide = _drop_on_whole_set if total >= judged.whole_set else _drop_on_subset
        found.append(decide(k, broken, fixed, total, most, judged.whole_set))
    order: tuple[Verdict, ...] = ("fail", "inconclusive", "pass")
    verdict = min((item[0] for item in found), key=order.index)
    told = [text for item, text in found if item == verdict]
    return gate_part("drop", judged.model, verdict, "; ".join(told), measured)


def _drop_on_whole_set(k: int, broken: int, fixed: int, total: int, most: float, _whole: int) -> tuple[Verdict, str]:
    drop = Fraction(100 * (broken - fixed), total)
    passed = drop <= _exact(most)
    text = f"Top-{k} {_moved(float(drop))} on all {total:,} images ({broken} broken, {fixed} fixed), limit {most:g} pp"
    return ("pass" if passed else "fail"), text


def _drop_on_subset(k: int, broken: int, fixed: int, total: int, most: float, whole: int) -> tuple[Verdict, str]:
    low, high = paired_drop(broken, fixed, total)
    interval = f"[{100 * low:+.3f}, {100 * high:+.3f}] pp"
    seen = f"Top-{k} drop on {total:,} of {whole:,} images: paired 95 % interval {interval}, limit {most:g} pp"
    if 100 * high <= most:
        return "pass", f"{seen}; all of it is within"
    if 100 * low > most:
        return "fail", f"{seen}; none of it is within"
    needed = images_to_decide(broken, fixed, total, most / 100, whole)
    told = f"about {needed:,} images would decide" if needed else f"only the whole set of {whole:,} images would decide"
    return "inconclusive", f"{seen}; {told} (`harness plan --drop {most:g} --whole {whole}`)"


def exit_code(gates: Iterable[GatePart], *, evaluated: int) -> int:
    """Return the exit code that the verdicts mean; the more serious wins, and nothing evaluated never passes."""
    found = {(gate.verdict, gate.gate == "baseline") for gate in gates}
    verdicts = {verdict for verdict, _ in found}
    if ("error", False) in found:
        return EXIT_NOT_COMPLETED
    if "fail" in verdicts:
        return EXIT_GATE_FAILED
    if ("error", True) in found:  # below a failed gate, which stands whatever a baseline might say; docs/baselines.md
        return EXIT_BASELINE
    if evaluated == 0 or "inconclusive" in verdicts or "pass" not in verdicts:
        return EXIT_NOTHING_DECIDED
    return EXIT_OK


def errors_for(
    models: Sequence[str], candidates: Sequence[str], reason: str, verdict: Verdict = "error"
) -> list[GatePart]:
    """Return one verdict for every gate of models that were not evaluated, with the one reason."""
    return [
        GatePart(gate=gate, model=model, verdict=verdict, reason=reason)
        for model in models
        for gate in (("parity", "target", "drop") if model in candidates else ("target",))
    ]


def _not_applicable(gate: str, judged: Judged, reason: str, figures: Sequence[Figure] = ()) -> GatePart:
    return gate_part(gate, judged.model, "not_applicable", reason, unmeasured(figures))


def _exact(value: float) -> Fraction:
    """Return the decimal number that was written in the configuration: 0.1 is one tenth, not its binary neighbour."""
    return Fraction(repr(value))


def _beside(measured: float, limit: float) -> str:
    """Return a number with as few digits as show on which side of the limit it lies."""
    texts = (f"{measured:.{digits}g}" for digits in range(2, 18))
    return next(text for text in texts if (float(text) <= limit) == (measured <= limit))


def _tidy(value: float) -> float:
    return round(value, 9)


def _moved(drop_pp: float) -> str:
    if math.isclose(drop_pp, 0, abs_tol=1e-12):
        return "did not change"
    return f"{'fell' if drop_pp > 0 else 'rose'} by {abs(drop_pp):.3f} pp"
