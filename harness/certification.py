"""Certification: draw images at random until the drop is proven within its limit, or proven beyond it.

The two claims "beyond" and "within" cannot both be true, so each is tested at the full error rate 1 - confidence, and
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
from harness.record.schema import GatePart, Verdict

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

    ``drop_pp``: on the images taken; ``at_least_pp`` and ``at_most_pp``: one-sided bounds of the drop on the whole
    population, each at ``confidence`` at all times; None where no image was taken.
    """

    proof: Proof
    limit_pp: float
    confidence: float
    population: int
    images: int
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
        limit = {"top1_max_pp": self.limit_pp, "confidence_percent": round(100 * self.confidence, 9)}
        if not self.images:
            return GatePart(
                gate="certify", model=model, verdict="not_applicable", limit=limit, reason="no image was compared"
            )
        measured = {
            "images": self.images,
            "top1_pp": self.drop_pp,
            "top1_at_least_pp": self.at_least_pp,
            "top1_at_most_pp": self.at_most_pp,
        }
        return GatePart(
            gate="certify",
            model=model,
            verdict=_VERDICTS[self.proof],
            measured=measured,
            limit=limit,
            reason=self.sentence,
        )


class Certifier:
    """Takes images in the order of :func:`harness.metrics.sequential.random_order` until the drop is decided.

    ``limit_pp``: largest Top-1 drop, in pp, that is still within (the boundary passes); ``confidence``: a fraction,
    such as 0.95; ``population``: size of the whole set that the images are drawn from.
    Raises ValueError for numbers out of range.
    """

    def __init__(self, limit_pp: float, confidence: float, population: int) -> None:
        if not 0 <= limit_pp <= 100:
            raise ValueError(f"a limit of {limit_pp:g} pp: 0 to 100 is wanted")
        self.limit_pp, self.confidence, self.population = limit_pp, confidence, population
        self._error = float(1 - Fraction(repr(confidence)))
        # The largest net loss of images that is within; Fraction, so that 0.1 pp of 50,000 is 50 and not 49.
        self._most = math.floor(Fraction(repr(limit_pp)) * population / 100)
        self._beyond = SumTest(population, self._most + 1, self._error, AGAINST_DROP)
        self._within = SumTest(population, -self._most, self._error, AGAINST_NO_DROP)
        self._batches: list[Differences] = []

    def add(self, reference_correct: NDArray[np.bool_], candidate_correct: NDArray[np.bool_]) -> Decision:
        """Take the next images, bool (n,) each, in the order drawn; a bad image is wrong in both.

        Images after the decision count in the bounds, but do not change it, unless the whole population was seen:
        then the exact count decides. Raises ValueError where the lengths differ or the population is exceeded.
        """
        if reference_correct.shape != candidate_correct.shape:
            raise ValueError(f"{len(reference_correct)} reference rows, {len(candidate_correct)} candidate rows")
        if reference_correct.dtype != np.bool_ or candidate_correct.dtype != np.bool_:
            raise ValueError("correctness is bool: the Top-1 class is the label, or not")
        differences = reference_correct.astype(np.int8) - candidate_correct.astype(np.int8)
        self._beyond.add(differences)
        self._within.add(np.negative(differences))
        self._batches.append(differences)
        return self.decision

    @property
    def images(self) -> int:
        """How many images were taken."""
        return self._beyond.taken

    @property
    def decision(self) -> Decision:
        """Where it stands: the first of the two claims that was refuted decides, and the exact count at the end."""
        certified, rejected = self._beyond.refuted_after, self._within.refuted_after
        within = None if certified is None and rejected is None else (certified or math.inf) < (rejected or math.inf)
        after = None if within is None else certified if within else rejected
        if self.images == self.population:
            exact = self._beyond.total <= self._most
            within, after = exact, after if within == exact else self.images
        proof: Proof = "undecided" if within is None else "certified" if within else "rejected"
        return Decision(proof, self.images, after)

    def result(self) -> Certification:
        """Return what was found so far, with bounds and the sentence for reports."""
        differences = np.concatenate([*self._batches, np.empty(0, np.int8)])
        decision, images = self.decision, len(differences)
        broken, fixed = int((differences > 0).sum()), int((differences < 0).sum())
        drop = low = high = None
        if images:
            drop = 100 * (broken - fixed) / images
            low = 100 * smallest_sum(differences, self.population, self._error) / self.population
            high = 100 * largest_sum(differences, self.population, self._error) / self.population
            if low > high:  # one of the rare runs in which a bound is wrong: the one that the proof needs stays
                low, high = (high, high) if decision.proof == "certified" else (low, low)
        result = Certification(
            proof=decision.proof,
            limit_pp=self.limit_pp,
            confidence=self.confidence,
            population=self.population,
            images=images,
            decided_after=decision.decided_after,
            broken=broken,
            fixed=fixed,
            drop_pp=drop,
            at_least_pp=low,
            at_most_pp=high,
            sentence="",
        )
        return Certification(**{**asdict(result), "sentence": _sentence(result)})


def _sentence(found: Certification) -> str:
    if not found.images:
        return "no image was compared"
    flips = f"{found.broken:,} broken, {found.fixed:,} fixed"
    confidence = f"with {100 * found.confidence:g} % confidence"
    limit = f"limit {found.limit_pp:g} pp"
    if found.images == found.population:
        side = "within" if found.proof == "certified" else "beyond"
        return f"Top-1 drop {found.drop_pp:+.3f} pp on all {found.images:,} images ({flips}): {side} the {limit}"
    taken = f"{found.images:,} of {found.population:,} images in random order ({flips})"
    if found.proof == "certified":
        return f"proven within: Top-1 drop at most {found.at_most_pp:+.3f} pp {confidence}, {limit}; it took {taken}"
    if found.proof == "rejected":
        return f"proven beyond: Top-1 drop at least {found.at_least_pp:+.3f} pp {confidence}, {limit}; it took {taken}"
    between = f"between {found.at_least_pp:+.3f} and {found.at_most_pp:+.3f} pp (each {confidence})"
    return f"not decided: Top-1 drop {between}, {limit}, after {taken}; {_told(found)}"


def _told(found: Certification) -> str:
    from harness.metrics.planning import LARGEST, images_to_certify

    if found.population > LARGEST:
        return "more images would decide"
    needed = images_to_certify(
        found.limit_pp,
        found.confidence,
        found.population,
        broken=found.broken / found.images,
        fixed=found.fixed / found.images,
        runs=11,
    )
    return f"about {needed.typical:,} images would decide if flips went on at this rate"
