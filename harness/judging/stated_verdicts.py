"""Verdicts of a record without a per-image table: whether they follow from the figures, counts and limits next to them.

Nothing is counted again here, so this finds verdicts that contradict the record's own numbers, and no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction

from harness.config.gates import PRECISIONS, DropGate, FlipsGate, ParityGate
from harness.judging.baseline.judge import GATE as BASELINE
from harness.judging.chance import GATE as CHANCE
from harness.judging.chance import faults_of_record
from harness.judging.equal import differing, same_number
from harness.judging.flips_gate import GATE as FLIPS
from harness.judging.flips_gate import Sample, shares, verdict_of
from harness.judging.judged import one_weighs_more
from harness.judging.ratio_gate import JUDGED, mending_change, of_precision
from harness.judging.ratio_gate import verdict_of as ratio_verdict
from harness.judging.rules import Rules
from harness.judging.self_check import good_images
from harness.judging.stability_gate import GATE as STABILITY
from harness.judging.stability_gate import judge_stability
from harness.judging.tradeoff import compare_candidates
from harness.metrics.statistics import mcnemar_exact, paired_drop, wilson
from harness.record.schema import ComparisonPart, GatePart, Interval, ModelPart, RunRecord, Verdict

_ROUNDED = 5e-3  # pp; old records have intervals of two or three decimals


def verdict_faults(record: RunRecord, rules: Rules) -> Iterator[str]:
    """Yield a sentence for each verdict, interval or ranking that does not follow from the rest of the record."""
    yield from _interval_faults(record)
    yield from _set_faults(record, rules)
    yield from _gate_faults(record, rules, record.gates)
    if record.matrix is not None:
        again = compare_candidates(record.models, record.comparisons, record.gates)
        for key in ("order", "best", "may_ship"):
            if getattr(again, key) != getattr(record.matrix, key):
                yield f"its comparison matrix has another `{key}` than its gates and counts give"


def baseline_faults(record: RunRecord, rules: Rules) -> Iterator[str]:
    """Yield a sentence for each gate `baseline` that contradicts the rest; it rests on a file that is not the run's."""
    gates = tuple(gate for gate in record.gates if gate.gate == BASELINE)
    asked = {(BASELINE, part.id) for part in record.models if rules.gates[part.id].baseline is not None}
    yield from _other_gates(gates, asked)
    yield from _gate_faults(record, rules, gates)


def _gate_faults(record: RunRecord, rules: Rules, gates: Sequence[GatePart]) -> Iterator[str]:
    parts = {part.id: part for part in record.models}
    guessing = {gate.model for gate in record.gates if gate.gate == CHANCE}
    for gate in gates:
        part, where = parts.get(gate.model), f"the gate {gate.gate} of {gate.model}"
        if part is None or gate.gate == CHANCE:
            continue
        wanted = _verdicts_of(record, rules, part, gate)
        if guessing & {rules.reference, gate.model}:
            wanted = tuple("inconclusive" if verdict == "pass" else verdict for verdict in wanted)
        if gate.verdict not in wanted:
            yield f"{where} is '{gate.verdict}', its numbers give '{wanted[0]}'"
        for key, limit in (gate.limit or {}).items():
            own = _limits(rules, gate.gate, gate.model).get(key)
            if own is not None and not _same(limit, own):
                yield f"{where} has the {key} {limit}, the configuration {own}"


def _verdicts_of(record: RunRecord, rules: Rules, part: ModelPart, gate: GatePart) -> tuple[Verdict, ...]:
    if part.status == "ok":
        return _Stated(record, rules, part, gate).verdicts()
    own: Verdict = "not_applicable" if part.status == "unavailable" else "error"
    return (own, "error") if gate.gate == BASELINE else (own,)


def _same(one: object, other: object) -> bool:
    """Return whether two plain values are equal but for rounding."""
    return next(differing(one, other), None) is None


def _set_faults(record: RunRecord, rules: Rules) -> Iterator[str]:
    """Yield configured gates that are missing, and gates that are not configured."""
    asked = {("target", name) for name in rules.models}
    asked |= {(gate, name) for name in rules.candidates for gate in ("parity", "drop")}
    asked |= {(gate, name) for name in rules.candidates for gate in rules.gates[name].added}
    asked |= {("certify", name) for name in rules.candidates} if rules.certify else set()
    asked |= {(BASELINE, part.id) for part in record.models if rules.gates[part.id].baseline is not None}
    asked |= {(CHANCE, part.id) for part, _ in faults_of_record(record)}
    yield from _other_gates(record.gates, asked)
    for gate in record.gates:
        if gate.gate == CHANCE and gate.verdict != "inconclusive":
            yield f"the gate {CHANCE} of {gate.model} is '{gate.verdict}'"


def _other_gates(gates: Sequence[GatePart], asked: Collection[tuple[str, str]]) -> Iterator[str]:
    found = Counter((gate.gate, gate.model) for gate in gates)
    for gate, model in sorted(set(asked) - found.keys()):
        yield f"its gate {gate} of {model} is missing among the gates"
    lost = {(gate.gate, gate.model) for gate in gates if (gate.gate, gate.verdict) == (BASELINE, "error")}
    for key, count in found.items():
        if key not in asked and key not in lost:  # a model that only the baseline has
            yield f"the gate {key[0]} of {key[1]} is not in the configuration"
        elif count > 1:
            yield f"the gate {key[0]} of {key[1]} is judged twice"


def _limits(rules: Rules, gate: str, model: str) -> dict[str, float]:
    """Return the limits of a gate as a record has them, by key."""
    own, published, certify = rules.gates[model], rules.published, rules.certify
    if gate == "parity" and own.parity and own.parity.yardstick is not None:
        return {"images": own.parity.images, "max_ratio": own.parity.max_ratio}
    if gate == "parity" and own.parity:
        return {"images": own.parity.images, "max_abs_diff": own.parity.max_abs_diff}
    if gate == "target" and own.target and published:
        return {
            "top1_percent_at_least": round(published.top1_percent - own.target.top1_tolerance_pp, 9),
            "top5_percent_at_least": round(published.top5_percent - own.target.top5_tolerance_pp, 9),
        }
    if gate == "drop" and own.drop:
        return {"top1_max_pp": own.drop.top1_max_pp, "top5_max_pp": own.drop.top5_max_pp}
    if gate == STABILITY and own.stability:
        return {"images": own.stability.images, "max_abs_diff": own.stability.max_abs_diff}
    if gate == FLIPS and own.flips:
        limits = {"max_percent": own.flips.max_percent, "max_real_percent": own.flips.max_real_percent}
        return {key: limit for key, limit in limits.items() if limit is not None}
    if gate == "certify" and certify:
        return {"top1_max_pp": certify.top1_max_drop_pp, "confidence_percent": round(100 * certify.confidence, 9)}
    if gate == BASELINE and own.baseline:
        drops = own.baseline
        return {"top1_max_drop_pp": drops.top1_max_drop_pp, "top5_max_drop_pp": drops.top5_max_drop_pp}
    return {}


class _Stated:
    """The verdicts of one gate that a record's own numbers allow."""

    def __init__(self, record: RunRecord, rules: Rules, part: ModelPart, gate: GatePart) -> None:
        self.record, self.rules, self.part, self.gate = record, rules, part, gate
        self.gates = rules.gates[part.id]
        self.whole, self.total = record.dataset.images, record.dataset.evaluated
        self.own: ComparisonPart | None = next(
            (item for item in record.comparisons if item.candidate == part.id and item.reference == rules.reference),
            None,
        )
        self.measured = {figure.name: figure for figure in gate.figures}

    def verdicts(self) -> tuple[Verdict, ...]:
        """Return what may stand there; the first is the likeliest."""
        gate = self.gate.gate
        if self.rules.only not in (None, gate):
            return ("not_applicable",)
        if gate == "target":
            return (self._target(),)
        if gate in ("parity", "drop", "certify", FLIPS) and (self.own is None or good_images(self.record) == 0):
            return ("not_applicable",)
        if gate == "parity" and self.gates.parity is not None and self.gates.parity.yardstick is not None:
            return (self._ratio(self.gates.parity, self.gates.parity.yardstick),)
        if gate == "parity":
            return (self._parity(self.gates.parity),)
        if gate == "drop":
            return (self._drop(self.gates.drop),)
        if gate == STABILITY:
            return (self._stability(),)
        if gate == FLIPS:
            return (self._flips(self.gates.flips),)
        return self._certify() if gate == "certify" else self._baseline()

    def _target(self) -> Verdict:
        gate, published, counts = self.gates.target, self.rules.published, (self.part.top1, self.part.top5)
        if gate is None or published is None or not self.total:
            return "not_applicable"
        tolerances = (gate.top1_tolerance_pp, gate.top5_tolerance_pp)
        unknown = published.images is None and self.rules.images is None
        if self.total != (published.images or self.whole) or self.total != self.whole:
            return "not_applicable"
        if unknown and one_weighs_more(self.total, min(tolerances)):
            return "not_applicable"
        wanted = zip(counts, (published.top1_percent, published.top5_percent), tolerances, strict=True)
        short = any(
            counted is None or Fraction(100 * counted.correct, self.total) < Fraction(repr(most)) - Fraction(repr(less))
            for counted, most, less in wanted
        )
        return "fail" if short else "pass"

    def _number(self, name: str) -> float | None:
        figure = self.measured.get(name)
        return figure.number if figure else None

    def _parity(self, gate: ParityGate | None) -> Verdict:
        if gate is None:
            return "not_applicable"
        assert self.own is not None
        largest, every = self._number("max_abs_diff"), self.own.max_abs_diff
        if self.total <= gate.images and not (largest is every or same_number(largest, every)):
            return "error" if every is None else "fail"
        if largest is None or (every is not None and largest > every * (1 + 1e-9)):
            return "error"
        return "pass" if largest <= gate.max_abs_diff else "fail"

    def _ratio(self, gate: ParityGate, name: str) -> Verdict:
        """Judge by the ratios as they are stated, where they can be those of the errors that the record has."""
        assert self.own is not None
        mending = None
        if name in PRECISIONS:
            own = {item.model: item for item in self.record.yardsticks}
            yardstick = of_precision(own.get(self.part.id), name)
            errors = None if yardstick.errors is None else yardstick.errors.tolist()
            if errors is None:
                return yardstick.verdict
            if not any(errors):
                return "inconclusive"
            mean, mending = sum(errors) / len(errors), mending_change(yardstick.changes)
        elif any(part.id == name and part.status == "ok" for part in self.record.models):
            other = next((item for item in self.record.comparisons if item.candidate == name), None)
            mean = (other.mean_abs_diff or 0.0) if other else 0.0
            if not mean:
                return "inconclusive"
        else:
            return "inconclusive"
        found = [self._number(each) for each in JUDGED]
        if any(value is None for value in found):
            return "error"
        whole = good_images(self.record) == self.total <= gate.images
        if whole and not same_number(found[0], (self.own.mean_abs_diff or 0.0) / mean):
            return "error"
        return ratio_verdict([value for value in found if value is not None], gate.max_ratio, mending)

    def _drop(self, gate: DropGate | None) -> Verdict:
        if gate is None or (self.rules.certify is not None and self.total != self.whole):
            return "not_applicable"
        assert self.own is not None
        drop, limits = self.own.drop, (gate.top1_max_pp, gate.top5_max_pp)
        lost = (drop.top1_pp, drop.top5_pp)
        if not all(same_number(self._number(f"top{k}_pp"), value) for k, value in zip((1, 5), lost, strict=True)):
            return "error"
        sides = [
            self._on_whole_set(k, most) if self._is_exact(most) else _on_subset(pair, most)
            for k, pair, most in zip((1, 5), (drop.top1_ci95_pp, drop.top5_ci95_pp), limits, strict=True)
        ]
        order: tuple[Verdict, ...] = ("error", "fail", "inconclusive", "pass")
        return min(sides, key=order.index)

    def _flips(self, gate: FlipsGate | None) -> Verdict:
        if gate is None or (self.rules.certify is not None and self.total < self.whole):
            return "not_applicable"
        assert self.own is not None
        broken, near = self.own.flips.broken, self.own.flips.near_ties
        if near is None or not 0 <= near <= broken <= self.total:
            return "error"
        stated = {"broken_percent": broken, "real_percent": broken - near}
        if not all(same_number(self._number(name), 100 * count / self.total) for name, count in stated.items()):
            return "error"
        sample = Sample(self.total, self.whole, self.rules.images is not None)
        return verdict_of(shares(gate, broken, broken - near, sample))

    def _stability(self) -> Verdict:
        gate = self.gates.stability
        if gate is None:
            return "not_applicable"
        measured = {item.model: item for item in self.record.stability}
        return judge_stability(self.part.id, measured.get(self.part.id), gate).verdict

    def _is_exact(self, limit: float) -> bool:
        unknown = self.rules.images is None and one_weighs_more(self.total, limit)
        return self.total >= self.whole and not unknown

    def _on_whole_set(self, k: int, limit: float) -> Verdict:
        counts = [part for part in self.record.models if part.id in (self.rules.reference, self.part.id)]
        before, after = (part.top1 if k == 1 else part.top5 for part in counts)
        if before is None or after is None:
            return "error"
        lost = Fraction(100 * (before.correct - after.correct), max(1, self.total))
        return "fail" if lost > Fraction(repr(limit)) else "pass"

    def _certify(self) -> tuple[Verdict, ...]:
        wanted = self.rules.certify
        low, high = self._number("top1_at_least_pp"), self._number("top1_at_most_pp")
        if wanted is None or low is None or high is None:
            return ("error",)
        limit = wanted.top1_max_drop_pp
        if high <= limit:
            return ("pass", "inconclusive")  # the second: of a small set that is not declared as the whole
        return ("fail",) if low > limit else ("inconclusive", "not_applicable")

    def _baseline(self) -> tuple[Verdict, ...]:
        """Return what the figures say; the counts that they are drops from are in another file."""
        gate, counts = self.gates.baseline, (self.part.top1, self.part.top5)
        drops = [self._number(f"top{k}_drop_pp") for k in (1, 5)]
        if gate is None or None in drops:
            return ("error", "not_applicable")
        for drop, counted in zip(drops, counts, strict=True):
            before = None if drop is None or counted is None else counted.correct + drop * counted.total / 100
            if before is None or abs(before - round(before)) > 1e-6 or not 0 <= round(before) <= self.total:
                return ("error",)
        limits = (gate.top1_max_drop_pp, gate.top5_max_drop_pp)
        worse = any(drop is not None and drop > limit for drop, limit in zip(drops, limits, strict=True))
        return ("fail",) if worse else ("pass",)


def _on_subset(interval: Interval | None, limit: float) -> Verdict:
    if interval is None:
        return "inconclusive"
    low, high = interval
    return "pass" if high <= limit else "fail" if low > limit else "inconclusive"


def _interval_faults(record: RunRecord) -> Iterator[str]:
    """Yield intervals and p-values that are not those of the counts next to them."""
    for part in record.models:
        for k, counted in ((1, part.top1), (5, part.top5)):
            if counted is None or not counted.total or counted.ci95_percent is None:
                continue
            found = [100 * value for value in wilson(counted.correct, counted.total)]
            if not _same(list(counted.ci95_percent), found):
                yield f"the Top-{k} interval of {part.id} is not that of its counts"
    for comparison in record.comparisons:
        broken, fixed, total = comparison.flips.broken, comparison.flips.fixed, record.dataset.evaluated
        if not total or broken + fixed > total:
            continue
        found = [100 * value for value in paired_drop(broken, fixed, total)]
        if comparison.drop.top1_ci95_pp and not _same(list(comparison.drop.top1_ci95_pp), found):
            yield f"the interval of the Top-1 drop of {comparison.candidate} is not that of its flips"
        narrowest = _narrowest_top5(record, comparison)
        if narrowest and comparison.drop.top5_ci95_pp and _is_inside(comparison.drop.top5_ci95_pp, narrowest):
            yield f"the interval of the Top-5 drop of {comparison.candidate} is narrower than its counts allow"
        stated = comparison.drop.top1_p_value
        if stated is not None and not same_number(stated, mcnemar_exact(broken, fixed)):
            yield f"the p-value of {comparison.candidate} is not that of its flips"


def _narrowest_top5(record: RunRecord, comparison: ComparisonPart) -> Interval | None:
    """Return the interval of the Top-5 drop with as few flips as its counts allow; a record does not state how many."""
    counted = {part.id: part.top5 for part in record.models}
    before, after = counted.get(comparison.reference), counted.get(comparison.candidate)
    if before is None or after is None or not record.dataset.evaluated:
        return None
    lost = before.correct - after.correct
    low, high = paired_drop(max(0, lost), max(0, -lost), record.dataset.evaluated)
    return 100 * low, 100 * high


def _is_inside(interval: Interval, other: Interval) -> bool:
    return interval[0] > other[0] + _ROUNDED or interval[1] < other[1] - _ROUNDED
