"""Whether a yardstick is one: no gate passes on a reference that is no better than guessing."""

from __future__ import annotations

from collections.abc import Sequence

from harness.config.gates import Published
from harness.metrics.compare import correct_at
from harness.metrics.outcome import Outcome
from harness.metrics.statistics import above_share, below_share
from harness.record.schema import GatePart

GATE = "chance"
SIGNIFICANCE = 0.01  # one-sided, of each of the two tests
MARGIN = 0.02  # of the way from guessing to always right: a network fed wrongly still gets a little more than nothing
FAR = 0.5  # of the published accuracy


def chance_fault(model: str, role: str, outcome: Outcome, classes: int, published: Published | None) -> str | None:
    """Return in one sentence why a model's accuracy makes it no yardstick; None where it is one, or nothing is known.

    ``classes``: without background. An exact binomial test of its Top-1 has to reject "at most the guessing accuracy
    1 / classes, and 2 % of the way from there to 1". Where accuracy is published, the test of "at least half of it"
    must not be rejected. Images that could not be read count as wrong.
    """
    total = len(outcome)
    if total == 0 or bool(outcome.is_bad.all()) or classes < 2:
        return None
    correct = int(correct_at(outcome, 1).sum())
    guessing = 1 / classes
    measured = f"{correct:,} of {total:,} images correct ({100 * correct / total:.2f} %)"
    subject = f"the {role} {model}"
    mend = "check the labels, and `input.color`, `mean` and `scale`"
    if above_share(correct, total, guessing + MARGIN * (1 - guessing)) > SIGNIFICANCE:
        best = above_share(total, total, guessing + MARGIN * (1 - guessing)) > SIGNIFICANCE
        if best and correct == total:
            return f"{subject} has {measured}, too few images to tell it from guessing among {classes:,} classes"
        return f"{subject} is not clearly better than guessing among {classes:,} classes: {measured}; {mend}"
    if published and below_share(correct, total, FAR * published.top1_percent / 100) <= SIGNIFICANCE:
        return f"{subject} is far below the published {published.top1_percent:g} %: {measured}; {mend}"
    return None


def held_back(gates: Sequence[GatePart], model: str, fault: str) -> tuple[GatePart, ...]:
    """Return the gates with ``fault`` first, as a verdict of its own, and no pass left: it would mean nothing."""
    reason = f"not decided, because {model} is no yardstick (see the gate {GATE})"
    return (
        GatePart(gate=GATE, model=model, verdict="inconclusive", reason=fault),
        *(
            part.model_copy(update={"verdict": "inconclusive", "reason": reason}) if part.verdict == "pass" else part
            for part in gates
        ),
    )
