"""What is tried: one explanation and its result, and changes of how a candidate is run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.diagnosis.direction import Direction
from harness.diagnosis.readings import Read
from harness.diagnosis.trials import Trial


@dataclass(frozen=True)
class Tried:
    """One way of feeding and reading, and its result on so many images.

    ``direction``: where it is known by that, and not by parity.
    """

    trial: Trial
    read: Read
    causes: tuple[str, ...]
    images: int
    direction: Direction | None = None

    @property
    def cause(self) -> str:
        """The identifiers of all parts."""
        return " + ".join(self.causes)

    @property
    def typical(self) -> float:
        """The median over the images of the largest difference."""
        return float(np.median(self.read.off)) if len(self.read.off) else 0.0


@dataclass(frozen=True)
class Around:
    """A change of how the candidate is run, and not of how it is fed or read.

    ``claim``: what the candidate does; ``done``: what was done otherwise, and ``mend``: a sentence; both may be empty.
    """

    cause: str
    claim: str
    done: str
    mend: str
