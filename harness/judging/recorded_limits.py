"""The gates of a record: history, so that limits that a configuration may no longer have are read as they are."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from harness.config.gates import BaselineGate, Certify, DropGate, Gates, ParityGate, Published, TargetGate
from harness.config.types import Number, Percent

_Limit = Annotated[Number, Field(ge=0)]


class RecordedParity(ParityGate):
    """Any limit; from 1 on it never failed."""

    max_abs_diff: _Limit = 1.0e-3


class RecordedTarget(TargetGate):
    """Any tolerance, in pp."""

    top1_tolerance_pp: _Limit = 0.10
    top5_tolerance_pp: _Limit = 0.10


class RecordedDrop(DropGate):
    """Any drop, in pp."""

    top1_max_pp: _Limit = 0.10
    top5_max_pp: _Limit = 0.10


class RecordedBaseline(BaselineGate):
    """Any drop, in pp."""

    top1_max_drop_pp: _Limit = 0.10
    top5_max_drop_pp: _Limit = 0.10


class RecordedCertify(Certify):
    """Any drop, in pp."""

    top1_max_drop_pp: _Limit = 0.10


class RecordedPublished(Published):
    """Any percentages."""

    top1_percent: Percent
    top5_percent: Percent

    @model_validator(mode="after")
    def _top5_is_not_less(self) -> Self:
        return self


class RecordedGates(Gates):
    """The gates as they were configured."""

    parity: RecordedParity | None = RecordedParity()
    target: RecordedTarget | None = RecordedTarget()
    drop: RecordedDrop | None = RecordedDrop()
    baseline: RecordedBaseline | None = None


def never_failing(gates: Gates, certify: Certify | None) -> list[str]:
    """Return a sentence for each limit that nothing can exceed, and whether a configuration may still have it."""
    found = []
    for name, part in (*gates, ("certify", certify)):
        for key, limit in part or ():
            most = 1 if key == "max_abs_diff" else 100 if key.endswith("_pp") else None
            if most is not None and limit >= most:
                refused = key == "max_abs_diff" or limit > most  # one of exactly 100 pp is taken, with a warning
                now = "; a configuration with it is refused now" if refused else ""
                found.append(f"its limit {name}.{key} of {limit:g} can never fail{now}")
    return found
