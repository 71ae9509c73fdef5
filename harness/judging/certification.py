"""Certification: draw images at random until the drop is proven within its limit, or proven above it.

The two claims "above" and "within" cannot both be true, so each is tested at the full error rate 1 - confidence, and
still no run ends with a false proof more often than that.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.metrics.sequential import (
    AGAINST_DROP,
    AGAINST_NO_DROP,
    Differences,
    SumTest,
    largest_sum,
    smallest_sum,
)
from harness.record.figures import change_in_words, gate_part, unmeasured
from harness.record.schema import Figure, GatePart, Verdict

Proof = Literal["certified", "rejected", "undecided"]
_VERDICTS: dict[Proof, Verdict] = {"certified": "pass", "rejected": "fail", "undecided": "inconclusive"}


@dataclass(frozen=True)
class Decision:
    """Where a certification stands: ``images`` taken so far, and after how many of them it was decided."""

    proof: Proof
    images: int
    decided_after: int | None

    @property
    def is_final(self) -> bool:
        """Whether no further image is needed."""
        return self.proof != "undecided"


@dataclass(frozen=True)
class Certification:
    """What a certification found. ``confidence`` is a fraction; the drops are in pp, positive is a loss.

    ``images``: evaluated, ``bad`` ones that count as wrong among them; ``left_out``: further bad ones. ``drop_pp``: on
    the images evaluated; ``at_least_pp`` and ``at_most_pp``: one-sided bounds of the drop on all images of the
    population that can be read, each at ``confidence`` at all times; None if no model saw an image.
    """

    proof: Proof
    limit_pp: float
    confidence: float
    population: int
    images: int
    bad: int
    left_out: int
    decided_after: int | None
    broken: int
    fixed: int
    drop_pp: float | None
    at_least_pp: float | None
    at_most_pp: float | None
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        return asdict(self)

    def gate(self, model: str) -> GatePart:
        """Return the verdict of the gate `certify` on a model."""
        names = ("top1_pp", "top1_at_least_pp", "top1_at_most_pp")
        drops = zip(names, (self.drop_pp, self.at_least_pp, self.at_most_pp), strict=True)
        confidence = round(100 * self.confidence, 9)
        figures = (
            Figure(name="images", value=self.images, unit="images"),
            *(
                Figure(
                    name=name,
                    value=value,
                    unit="pp",
                    limit=self.limit_pp,
                    limit_name="top1_max_pp",
                    direction="at_most",
                )
                for name, value in drops
            ),
            Figure(name="confidence_percent", value=None, unit="%", limit=confidence, limit_name="confidence_percent"),
        )
        if self.images == self.bad:
            return gate_part("certify", model, "not_applicable", "no image was compared", unmeasured(figures))
        return gate_part("certify", model, _VERDICTS[self.proof], self.sentence, figures)


class Certifier:
    """Processes images in the order of :func:`harness.metrics.sequential.random_order` until the drop is decided.

    ``limit_pp``: largest Top-1 drop, in pp, that is still within (the boundary passes); ``confidence``: a fraction,
    such as 0.95; ``population``: size of the whole set that the images are drawn from; ``left_out``: up to so many bad
    images are not evaluated (the policy `skip`). Their predictions are unknown: a drop is within the limit only if it
    would be with all of them broken, and above it if it is on the images that can be read. Raises ValueError for
    numbers out of range.
    """

    def __init__(self, limit_pp: float, confidence: float, population: int, left_out: int = 0) -> None:
        if not 0 <= limit_pp <= 100:
            raise ValueError(f"a limit of {limit_pp:g} pp: it must be 0 to 100")
        self.limit_pp, self.confidence, self.population = limit_pp, confidence, population
        self._error = float(1 - Fraction(repr(confidence)))
        # The number of bad images to come is unknown, so each claim is made for the least favourable number.
        self._smallest = max(1, population - left_out)
        self._beyond = SumTest(population, self._most(population) - left_out + 1, self._error, AGAINST_DROP)
        self._within = SumTest(population, -self._most(population), self._error, AGAINST_NO_DROP)
        self._skips = left_out > 0
        self._bad = 0
        self._batches: list[Differences] = []

    def _most(self, size: int) -> int:
        """Return the largest net loss of images that is within; Fraction, so that 0.1 pp of 50,000 is 50, not 49."""
        return math.floor(Fraction(repr(self.limit_pp)) * size / 100)

    def add(self, reference_correct: NDArray[np.bool_], candidate_correct: NDArray[np.bool_], bad: int = 0) -> Decision:
        """Take the next images, bool (n,) each, in the order drawn; ``bad`` of them are bad, so False in both.

        Images after the decision count in the bounds, but do not change it, unless the whole population was seen: then
        the exact count decides. Raises ValueError if the lengths differ or the population is exceeded.
        """
        if reference_correct.shape != candidate_correct.shape:
            raise ValueError(f"{len(reference_correct)} reference rows, {len(candidate_correct)} candidate rows")
        if reference_correct.dtype != np.bool_ or candidate_correct.dtype != np.bool_:
            raise ValueError("correctness is bool: the Top-1 class is the label, or not")
        differences = reference_correct.astype(np.int8) - candidate_correct.astype(np.int8)
        self._beyond.add(differences)
        self._within.add(np.negative(differences))
        self._batches.append(differences)
        self._bad += bad
        return self.decision

    @property
    def images(self) -> int:
        """How many images were taken."""
        return self._beyond.taken

    @property
    def _left_out(self) -> int:
        """How many of them were not evaluated."""
        return self._bad if self._skips else 0

    @property
    def _size(self) -> int:
        """Size of the set that can be read, as far as it is known."""
        return self.population - self._left_out

    @property
    def decision(self) -> Decision:
        """Where it stands: the first of the two claims that was refuted decides, and the exact count at the end."""
        certified, rejected = self._beyond.refuted_after, self._within.refuted_after
        within = None if certified is None and rejected is None else (certified or math.inf) < (rejected or math.inf)
        after = None if within is None else certified if within else rejected
        if self.images == self.population:
            exact = self._exact()
            within, after = exact, None if exact is None else after if within == exact else self.images
        proof: Proof = "undecided" if within is None else "certified" if within else "rejected"
        return Decision(proof, self.images, after)

    def _exact(self) -> bool | None:
        """Return whether the drop is within by the counts of all images; None if those left out could change it."""
        lost = self._beyond.total
        if lost + self._left_out <= self._most(self.population):
            return True
        return False if lost > self._most(self._size) else None

    def result(self) -> Certification:
        """Return what was found so far, with bounds and the sentence for reports."""
        differences = np.concatenate([*self._batches, np.empty(0, np.int8)])
        decision, images = self.decision, len(differences) - self._left_out
        bad = self._bad - self._left_out
        broken, fixed = int((differences > 0).sum()), int((differences < 0).sum())
        drop = low = high = None
        if images > bad:
            drop = 100 * (broken - fixed) / images
            low = self._bound(smallest_sum(differences, self.population, self._error), upwards=False)
            high = self._bound(largest_sum(differences, self.population, self._error), upwards=True)
            if low > high:  # one of the rare runs in which a bound is wrong: the one that the proof needs stays
                low, high = (high, high) if decision.proof == "certified" else (low, low)
        result = Certification(
            proof=decision.proof,
            limit_pp=self.limit_pp,
            confidence=self.confidence,
            population=self.population,
            images=images,
            bad=bad,
            left_out=self._left_out,
            decided_after=decision.decided_after,
            broken=broken,
            fixed=fixed,
            drop_pp=drop,
            at_least_pp=low,
            at_most_pp=high,
            sentence="",
        )
        return Certification(**{**asdict(result), "sentence": _sentence(result)})

    def _bound(self, total: int, *, upwards: bool) -> float:
        """Return a bound of the sum as a drop in pp, over the size of the set that makes it the weaker."""
        known = self.images == self.population
        size = self._size if known else self._smallest if (total > 0) == upwards else self._size
        return max(-100.0, min(100.0, 100 * total / max(1, size)))


def _sentence(found: Certification) -> str:
    if found.images == found.bad:
        return "no image was compared"
    flips = f"{found.broken:,} broken, {found.fixed:,} fixed" + (f", {found.bad:,} bad" if found.bad else "")
    flips += f", {found.left_out:,} left out" if found.left_out else ""
    confidence = f"with {100 * found.confidence:g} % confidence"
    limit = f"limit {found.limit_pp:g} pp"
    if found.images == found.population:
        side = "within" if found.proof == "certified" else "above"
        change = change_in_words(found.drop_pp or 0.0)
        return f"Top-1 {change} on all {found.images:,} images ({flips}): {side} the {limit}"
    taken = f"{found.images:,} of {found.population:,} images in random order ({flips})"
    proven = f"{confidence}, {limit}, after {taken}"
    if found.proof == "certified":
        return f"proven within the limit: Top-1 drop at most {found.at_most_pp:+.3f} pp {proven}"
    if found.proof == "rejected":
        return f"proven above the limit: Top-1 drop at least {found.at_least_pp:+.3f} pp {proven}"
    between = f"between {found.at_least_pp:+.3f} and {found.at_most_pp:+.3f} pp (each {confidence})"
    left = "the predictions for the excluded images are unknown; fix those images"
    mend = left if found.images + found.left_out == found.population else _images_needed(found)
    return f"not decided: Top-1 drop {between}, {limit}, after {taken}; {mend}"


def _images_needed(found: Certification) -> str:
    from harness.metrics.planning import LARGEST, images_to_certify

    if found.population > LARGEST:
        return "more images are needed"  # beyond what `harness plan` can answer for
    needed = images_to_certify(
        found.limit_pp,
        found.confidence,
        found.population,
        broken=found.broken / found.images,
        fixed=found.fixed / found.images,
        runs=11,
    )
    plan = f"`harness plan --drop {found.limit_pp:g} --confidence {found.confidence:g} --whole {found.population}`"
    return f"about {needed.typical:,} images would decide at this rate of flips ({plan})"
