"""Gates: each turns measured values into a verdict with one sentence. Boundaries pass; gates are one-sided.

Accuracy limits are judged on exact fractions of integer counts, so that a boundary is a boundary and no rounding of
a percentage decides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from harness.config.gates import DropGate, Gates, ParityGate, Published, TargetGate
from harness.judging.flips_gate import judge_flips
from harness.judging.judged import OFF, Judged, not_applicable, weight_in_words
from harness.judging.losses import Loss, as_written, never_failing
from harness.judging.ratio_gate import Yardstick, judge_ratio
from harness.metrics.compare import correct_at, flip_counts
from harness.metrics.outcome import as_decimal
from harness.metrics.statistics import images_to_decide, paired_drop
from harness.record.figures import change_in_words, gate_part
from harness.record.schema import Figure, GatePart, Verdict


def without_reference(gate: str, model: str, on: object) -> GatePart:
    """Return the verdict of a gate that needs a reference where none is configured. ``on``: None: switched off."""
    return gate_part(gate, model, "not_applicable", OFF if on is None else "no reference is configured", ())


def judge_model(
    judged: Judged,
    gates: Gates,
    published: Published | None,
    *,
    stops_early: bool = False,
    yardstick: Yardstick | None = None,
) -> list[GatePart]:
    """Return the verdicts on one model: `target` for every model; for candidates also `parity`, `drop`, added ones.

    ``stops_early``: a certification may end the run before the whole set is seen; ``yardstick``: what the error is
    divided by, where `parity` names something for that.
    """
    verdicts = []
    if judged.reference is not None:
        if gates.parity is not None and yardstick is not None:
            verdicts.append(judge_ratio(judged, gates.parity, yardstick))
        else:
            verdicts.append(judge_parity(judged, gates.parity))
    verdicts.append(judge_target(judged, gates.target, published))
    if judged.reference is not None:
        verdicts.append(judge_drop(judged, gates.drop))
        if gates.flips is not None:
            verdicts.append(judge_flips(judged, gates.flips, stops_early=stops_early))
    return verdicts


def judge_parity(judged: Judged, gate: ParityGate | None) -> GatePart:
    """Judge the largest difference of any probability on the first images."""
    if gate is None:
        return not_applicable("parity", judged, OFF)
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
        return not_applicable("parity", judged, "no image was compared", figures)
    where = f"the first {len(differences)} images at {judged.precision}"
    if not finite:
        return gate_part("parity", judged.model, "error", f"a probability on {where} is not finite", figures)
    beyond = sum(value > gate.max_abs_diff for value in differences)
    passed = measured <= gate.max_abs_diff
    shown = _beside(measured, gate.max_abs_diff)
    reason = f"the largest difference of a probability on {where} is {shown}, limit {gate.max_abs_diff:g}"
    if not passed:
        reason += f"; {beyond} of {len(differences)} images exceed it"
    return gate_part("parity", judged.model, "pass" if passed else "fail", reason, figures)


def judge_target(judged: Judged, gate: TargetGate | None, published: Published | None) -> GatePart:
    """Judge accuracy against the published numbers: only on the whole set, only a shortfall fails."""
    if gate is None:
        return not_applicable("target", judged, OFF)
    if published is None:
        return not_applicable("target", judged, "the configuration names no published accuracy")
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
        return not_applicable("target", judged, "no image was evaluated", figures)
    wanted = published.images or judged.whole_set
    if total != wanted or total != judged.whole_set:
        return not_applicable(
            "target",
            judged,
            f"published on {wanted:,} images, but {total:,} of {judged.whole_set:,} were evaluated",
            figures,
        )
    least_tolerance = min(gate.top1_tolerance_pp, gate.top5_tolerance_pp)
    if published.images is None and judged.weighs_too_much(least_tolerance):
        reason = f"published on an unknown number of images: {weight_in_words(total, least_tolerance)}"
        return not_applicable("target", judged, reason, figures)
    short, above = [], []
    for k, value, tolerance in (
        (1, published.top1_percent, gate.top1_tolerance_pp),
        (5, published.top5_percent, gate.top5_tolerance_pp),
    ):
        percent = percents[k]
        text = f"Top-{k} {float(percent):.3f} % (published {value:g} %, tolerance {tolerance:g} pp)"
        if percent < as_written(value) - as_written(tolerance):
            short.append(text)
        elif percent > as_written(value) + as_written(tolerance):
            above.append(text)
    warning = (
        f"above the published accuracy: {'; '.join(above)}; it may have been measured with another protocol or labels"
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
        return not_applicable("drop", judged, OFF)
    figures = [
        Figure(name=f"top{k}_pp", value=None, unit="pp", limit=most, limit_name=f"top{k}_max_pp", direction="at_most")
        for k, most in ((1, gate.top1_max_pp), (5, gate.top5_max_pp))
    ]
    total = len(judged.outcome)
    if judged.reference is None or bool((judged.outcome.is_bad & judged.reference.is_bad).all()):
        return not_applicable("drop", judged, "no image was evaluated", figures)
    measured: list[Figure] = []
    found: list[_DropOfOneK] = []
    for figure, k, most in zip(figures, (1, 5), (gate.top1_max_pp, gate.top5_max_pp), strict=True):
        broken, fixed = flip_counts(judged.reference, judged.outcome, k)
        measured.append(figure.model_copy(update={"value": 100 * (broken - fixed) / total}))
        right = int(correct_at(judged.reference, k).sum())
        found.append(_DropOfOneK(k, broken, fixed, total, most, right))
    is_whole = total >= judged.whole_set
    # Each limit by itself: one that an image weighs more than takes nothing from what the other one decides exactly.
    exact = {item.k: is_whole and not judged.weighs_too_much(item.most) for item in found}
    verdicts = {item.k: item.on_whole_set() if exact[item.k] else item.on_subset() for item in found}
    order: tuple[Verdict, ...] = ("fail", "inconclusive", "pass")
    verdict = min(verdicts.values(), key=order.index)
    deciding = [item for item in found if verdicts[item.k] == verdict]
    estimated = [item for item in deciding if not exact[item.k]]
    reasons = [str(item) for item in deciding if exact[item.k]]
    if estimated:
        is_known_part = not is_whole
        reasons.append(
            _on_subset(estimated, verdict, judged.whole_set) if is_known_part else _on_unknown_part(estimated, verdict)
        )
    warning = never_failing([Loss(f"Top-{item.k}", item.most, item.right, item.total) for item in found], "pp")
    return gate_part("drop", judged.model, verdict, "; ".join(reasons), measured, warning=warning)


def _on_unknown_part(drops: Sequence[_DropOfOneK], verdict: Verdict) -> str:
    """Return one sentence on images that are not declared as the whole set: they are judged as a sample."""
    hardest = min(drops, key=lambda item: item.most)
    low, high = hardest.interval
    reason = f"Top-{hardest.k} drop: paired 95 % interval [{low:+.3f}, {high:+.3f}] pp on {hardest.total:,} images"
    if verdict == "inconclusive":
        return f"{reason}; {weight_in_words(hardest.total, hardest.most)}"
    return f"{reason}, limit {hardest.most:g} pp; {_side(verdict)}"


@dataclass(frozen=True)
class _DropOfOneK:
    """Flips in Top-``k`` on ``total`` images, the largest drop in pp that passes, and the reference's right images."""

    k: int
    broken: int
    fixed: int
    total: int
    most: float
    right: int

    def on_whole_set(self) -> Verdict:
        """Judge the exact fraction."""
        return "pass" if Fraction(100 * (self.broken - self.fixed), self.total) <= as_written(self.most) else "fail"

    def on_subset(self) -> Verdict:
        """Judge the paired 95 % interval: it decides if it is on one side of the limit."""
        low, high = self.interval
        return "pass" if high <= self.most else "fail" if low > self.most else "inconclusive"

    @property
    def interval(self) -> tuple[float, float]:
        """The paired 95 % interval in pp."""
        low, high = paired_drop(self.broken, self.fixed, self.total)
        return 100 * low, 100 * high

    def needed(self, whole: int) -> int | None:
        """Return about how many images would decide; None if only the whole set would."""
        return images_to_decide(self.broken, self.fixed, self.total, self.most / 100, whole)

    def __str__(self) -> str:
        drop = float(Fraction(100 * (self.broken - self.fixed), self.total))
        return (
            f"Top-{self.k} {change_in_words(drop)} on all {self.total:,} images "
            f"({self.broken:,} broken, {self.fixed:,} fixed), limit {self.most:g} pp"
        )


def _on_subset(drops: Sequence[_DropOfOneK], verdict: Verdict, whole: int) -> str:
    """Return one sentence for all of ``drops``, which have the same verdict."""
    by_interval: dict[str, list[str]] = {}
    for item in drops:
        interval = f"[{item.interval[0]:+.3f}, {item.interval[1]:+.3f}] pp"
        by_interval.setdefault(interval, []).append(f"Top-{item.k}")
    first, *others = (f"{' and '.join(names)} drop: {text}" for text, names in by_interval.items())
    shown = ", ".join([first.replace("drop:", "drop: paired 95 % interval"), *others])
    limits = list(dict.fromkeys(f"{item.most:g} pp" for item in drops))
    measured = f"{shown} on {drops[0].total:,} of {whole:,} images, limit {' and '.join(limits)}"
    if verdict != "inconclusive":
        return f"{measured}; {_side(verdict)}"
    hardest = max(drops, key=lambda item: item.needed(whole) or whole)
    needed = hardest.needed(whole)
    images = f"about {needed:,} images" if needed else f"only the whole set of {whole:,} images"
    return f"{measured}; {images} would decide (`harness plan --drop {hardest.most:g} --whole {whole}`)"


def _side(verdict: Verdict) -> str:
    return f"entirely {'within' if verdict == 'pass' else 'above'} the limit"


def errors_for(
    models: Sequence[str],
    candidates: Sequence[str],
    reason: str,
    verdict: Verdict = "error",
    *,
    added: Mapping[str, Sequence[str]],
) -> list[GatePart]:
    """Return one verdict for every gate of models that were not evaluated, with the one reason.

    ``added``: gates that are off by default and on for a candidate.
    """
    return [
        GatePart(gate=gate, model=model, verdict=verdict, reason=reason)
        for model in models
        for gate in (("parity", "target", "drop", *added.get(model, ())) if model in candidates else ("target",))
    ]


def _beside(measured: float, limit: float) -> str:
    """Return a number with as few digits as show on which side of the limit it lies."""
    texts = (f"{measured:.{digits}g}" for digits in range(2, 18))
    return next(text for text in texts if (float(text) <= limit) == (measured <= limit))


def _tidy(value: float) -> float:
    return round(value, 9)
