"""Limits of what may be lost, as they were written, and whether any loss can exceed them. Without numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Loss:
    """A limit of what may be lost: ``right`` of ``total`` images are all that there is. ``name``: such as Top-1."""

    name: str
    limit: float
    right: int
    total: int

    @property
    def can_fail(self) -> bool:
        """Whether losing every right image exceeds the limit."""
        return self.total > 0 and Fraction(100 * self.right, self.total) > as_written(self.limit)


def never_failing(losses: Sequence[Loss], unit: str, of: str = "the reference") -> str | None:
    """Return a warning of limits that no model can exceed; None where all can be. ``of``: whose images are lost."""
    beyond = [loss for loss in losses if not loss.can_fail]
    if not beyond or not beyond[0].total:
        return None
    limits = " and ".join(f"{loss.limit:g} {unit} for {loss.name}" for loss in beyond)
    shares = " and ".join(f"{100 * loss.right / loss.total:.2f} %" for loss in beyond)
    return f"the limit {limits} can never fail, because {of} reaches only {shares}"


def as_written(value: float) -> Fraction:
    """Return the decimal number that was written in the configuration: 0.1 is one tenth, not its binary neighbour."""
    return Fraction(repr(value))
