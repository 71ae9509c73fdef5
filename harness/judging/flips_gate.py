"""The gate `flips`: how many images a candidate breaks, near-ties of the reference separated from real changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from harness.config.gates import FlipsGate
from harness.judging.comparison import broken_near_ties
from harness.judging.judged import Judged, not_applicable, one_weighs_more, weight_in_words
from harness.judging.losses import Loss, as_written, never_failing
from harness.metrics.compare import correct_at, flip_counts
from harness.metrics.near_ties import tie_margin
from harness.metrics.statistics import wilson
from harness.record.figures import gate_part
from harness.record.schema import Figure, GatePart, Verdict

GATE = "flips"
_SERIOUS: tuple[Verdict, ...] = ("fail", "inconclusive", "pass")
EARLY = (
    "a certified run may stop early, but this interval holds only for a number of images that is fixed "
    "beforehand; run without `certify`"
)


@dataclass(frozen=True)
class Sample:
    """How many images were seen of how many; ``declared``: the configuration states how many the whole set has."""

    total: int
    whole_set: int
    declared: bool

    def is_exact(self, limit_percent: float) -> bool:
        """Whether counts decide: the whole set was evaluated, or so few images that they cannot be one."""
        return self.total >= self.whole_set and (self.declared or not one_weighs_more(self.total, limit_percent))


@dataclass(frozen=True)
class Share:
    """``count`` of the sample's images, and its limit in percent; ``name``: a description of what is counted."""

    name: str
    count: int
    most: float
    sample: Sample

    @property
    def verdict(self) -> Verdict:
        """Exact counts on the whole set; on a subset the Wilson 95 % interval, if it is on one side."""
        if self.sample.is_exact(self.most):
            return "pass" if Fraction(100 * self.count, self.sample.total) <= as_written(self.most) else "fail"
        low, high = self.interval
        return "pass" if high <= self.most else "fail" if low > self.most else "inconclusive"

    @property
    def interval(self) -> tuple[float, float]:
        """The Wilson 95 % interval in percent."""
        low, high = wilson(self.count, self.sample.total)
        return 100 * low, 100 * high

    def __str__(self) -> str:
        low, high = self.interval
        total, whole = self.sample.total, self.sample.whole_set
        of = f"all {total:,}" if total >= whole else f"{total:,} of {whole:,}"
        found = f"{self.count:,} {self.name} on {of} images, {100 * self.count / total:.3f} % [{low:.3f}, {high:.3f}]"
        hint = ""
        if self.verdict == "inconclusive":
            few = total >= whole
            hint = f"; {weight_in_words(total, self.most)}" if few else "; more images are needed"
        return f"{found}, limit {self.most:g} %{hint}"


def shares(gate: FlipsGate, broken: int, real: int, sample: Sample) -> list[Share]:
    """Return what is limited. ``broken``: images right in the reference only; ``real``: those that were no near-tie."""
    found = [Share("right images broken", broken, gate.max_percent, sample)]
    if gate.max_real_percent is not None:
        found.append(Share("of them no near-tie", real, gate.max_real_percent, sample))
    return found


def verdict_of(found: Sequence[Share]) -> Verdict:
    """Return the most serious verdict."""
    return min((share.verdict for share in found), key=_SERIOUS.index)


def judge_flips(judged: Judged, gate: FlipsGate, *, stops_early: bool = False) -> GatePart:
    """Judge the share of images that are right in the reference and wrong in the candidate.

    ``stops_early``: a certification drew the images and may end before all are seen.
    """
    figures = [
        _figure("broken_percent", gate.max_percent, "max_percent"),
        _figure("real_percent", gate.max_real_percent, "max_real_percent"),
        Figure(name="tie_margin", value=None, unit="probability"),
    ]
    reference, outcome, total = judged.reference, judged.outcome, len(judged.outcome)
    if reference is None or bool((outcome.is_bad & reference.is_bad).all()):
        return not_applicable(GATE, judged, "no image was evaluated", figures)
    if stops_early and total < judged.whole_set:
        return not_applicable(GATE, judged, EARLY, figures)
    count, near = flip_counts(reference, outcome)[0], broken_near_ties(reference, outcome)
    found = shares(gate, count, count - near, Sample(total, judged.whole_set, judged.declared))
    margin = tie_margin(outcome.max_abs_diff)
    values = (100 * count / total, 100 * (count - near) / total, margin)
    measured = [
        Figure(name="images", value=total, unit="images"),
        *(figure.model_copy(update={"value": value}) for figure, value in zip(figures, values, strict=True)),
    ]
    verdict = verdict_of(found)
    reason = "; ".join(str(share) for share in found if share.verdict == verdict)
    told = f"{near:,} of {count:,} are near-ties: the reference's best two differ by at most {margin:.2g}"
    right = int(correct_at(reference, 1).sum())
    warning = never_failing([Loss("flips", gate.max_percent, right, total)], "%")
    return gate_part(GATE, judged.model, verdict, f"{reason}; {told}" if count else reason, measured, warning=warning)


def _figure(name: str, limit: float | None, key: str) -> Figure:
    if limit is None:
        return Figure(name=name, value=None, unit="%")
    return Figure(name=name, value=None, unit="%", limit=limit, limit_name=key, direction="at_most")
