"""The images that show what a conversion changed: flips, by their loss of probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.record.columns import lists_of, numbers_of

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST = 10
_NEEDED = ("top1", "top1_probability", "probability_of_label")


@dataclass(frozen=True)
class Guess:
    """A model's prediction of an image: its Top-1 label, the probability of that and of the true label (fractions)."""

    top1: int
    top1_probability: float
    probability_of_label: float


@dataclass(frozen=True)
class Flip:
    """An image whose Top-1 correctness differs. ``broken``: correct in the reference only; labels are the network's.

    ``near_tie``: the reference's best two classes are about as likely, so that rounding may decide between them.
    """

    image_id: str
    label: int
    broken: bool
    reference: Guess
    candidate: Guess
    near_tie: bool = False

    @property
    def loss(self) -> float:
        """The true label's probability, reference minus candidate (a fraction; negative where the candidate gained)."""
        return self.reference.probability_of_label - self.candidate.probability_of_label


def largest_losses(
    table: pa.Table, reference: str, candidate: str, count: int = LARGEST
) -> tuple[list[Flip], int] | None:
    """Return the flips with the largest loss, worst first, and the number of all flips.

    Ties keep the table's order; a loss that is NaN comes last. None: the table lacks one of the two models.
    """
    import numpy as np

    if not {f"{model}.{name}" for model in (reference, candidate) for name in _NEEDED} <= set(table.column_names):
        return None
    label = numbers_of(table.column("label"))
    before, after = _columns(table, reference), _columns(table, candidate)
    right_before, right_after = before["top1"] == label, after["top1"] == label
    flipped = np.flatnonzero(right_before != right_after)
    loss = before["probability_of_label"].astype(np.float64) - after["probability_of_label"].astype(np.float64)
    order = flipped[np.argsort(-loss[flipped], kind="stable")][:count]
    ids, ties = table.column("image_id"), _near_ties(table, reference, candidate)
    flips = [
        Flip(
            image_id=ids[row].as_py(),
            label=int(label[row]),
            broken=bool(right_before[row]),
            reference=_guess(before, row),
            candidate=_guess(after, row),
            near_tie=bool(ties[row]),
        )
        for row in order.tolist()
    ]
    return flips, len(flipped)


def _near_ties(table: pa.Table, reference: str, candidate: str) -> Any:
    """Return bool (n,): near-ties of the reference; none if an old table lacks them."""
    import numpy as np

    best, moved = f"{reference}.top5_probabilities", f"{candidate}.max_abs_diff"
    if not {best, moved} <= set(table.column_names):
        return np.zeros(table.num_rows, np.bool_)
    from harness.metrics.near_ties import near_ties

    return near_ties(lists_of(table.column(best)), numbers_of(table.column(moved)))


def _columns(table: pa.Table, model: str) -> dict[str, Any]:
    return {name: numbers_of(table.column(f"{model}.{name}")) for name in _NEEDED}


def _guess(columns: dict[str, Any], row: int) -> Guess:
    return Guess(
        top1=int(columns["top1"][row]),
        top1_probability=float(columns["top1_probability"][row]),
        probability_of_label=float(columns["probability_of_label"][row]),
    )
