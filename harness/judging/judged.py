"""What a gate judges: one model's rows next to the reference's, and what images weigh in a limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from harness.judging.losses import as_written
from harness.metrics.outcome import Outcome
from harness.record.figures import gate_part, unmeasured
from harness.record.schema import Figure, GatePart

OFF = "turned off in the configuration"


@dataclass(frozen=True)
class Judged:
    """What the gates look at: one model's rows, the reference's rows, and how much of the whole set they are.

    ``whole_set``: size of the whole set; ``declared``: the configuration states it, and it is not just what was listed;
    ``classes``: at least so many does each model tell apart.
    The rows of both outcomes belong to the same images in the same order.
    """

    model: str
    outcome: Outcome
    reference: Outcome | None
    precision: str
    whole_set: int
    declared: bool = True
    classes: int = 2

    def weighs_too_much(self, limit_pp: float) -> bool:
        """Whether these images are not declared as the whole set, and one of them weighs more than a limit in pp."""
        return not self.declared and one_weighs_more(len(self.outcome), limit_pp)


def one_weighs_more(total: int, limit_pp: float) -> bool:
    """Return whether one of ``total`` images weighs more than a limit in pp; of none, none does."""
    return total > 0 and Fraction(100, total) > as_written(limit_pp)


def weight_in_words(total: int, limit_pp: float) -> str:
    """Return what one of ``total`` images weighs, and what to state where they are the whole set."""
    return (
        f"one image weighs {100 / total:.3g} pp, more than the limit of {limit_pp:g} pp; "
        f"write `dataset.images: {total}` if these {total:,} are the whole set"
    )


def not_applicable(gate: str, judged: Judged, reason: str, figures: Sequence[Figure] = ()) -> GatePart:
    """Return the verdict of a gate that has nothing to judge: its figures keep their limits and lose their values."""
    return gate_part(gate, judged.model, "not_applicable", reason, unmeasured(figures))
