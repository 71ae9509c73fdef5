"""The configuration of the gates, and of sequential certification."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from harness.config.types import Count, Location, Number, Percent, PercentagePoints, Strict, Whole


def _can_fail(value: float) -> float:
    if value >= 1:
        raise ValueError("probabilities differ by at most 1, so the gate could never fail; write a limit below 1")
    return value


PRECISIONS = ("f16", "bf16", "int8")  # as `yardstick` names them; any other name is a candidate's id


class ParityGate(Strict):
    """Difference from the reference on the first images: the largest one, or against that of a yardstick."""

    images: Count = Field(64, description="How many of the first images are compared.")
    max_abs_diff: Annotated[Number, AfterValidator(_can_fail), Field(ge=0, lt=1)] = Field(
        1.0e-3, description="Largest absolute difference of a probability that still passes; below 1."
    )
    yardstick: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="`f16`, `bf16` or `int8`: the error is divided by what rounding to that does to the candidate's "
        "own network; or the id of another candidate: by that one's error. `max_ratio` is then judged and not "
        "`max_abs_diff`.",
    )
    max_ratio: Annotated[Number, Field(gt=0)] = Field(
        2.0, description="Largest ratio of the candidate's error to the yardstick's that still passes."
    )


class TargetGate(Strict):
    """Accuracy against the published numbers, on the whole set only."""

    top1_tolerance_pp: PercentagePoints = 0.10
    top5_tolerance_pp: PercentagePoints = 0.10


class DropGate(Strict):
    """Loss of accuracy against the reference, on the same images."""

    top1_max_pp: PercentagePoints = 0.10
    top5_max_pp: PercentagePoints = 0.10


class FlipsGate(Strict):
    """Share of all images that are right in the reference and wrong in the candidate."""

    max_percent: Annotated[Number, Field(ge=0, lt=100)] = Field(
        1.0, description="Largest share of the images, in percent, that may be broken."
    )
    max_real_percent: Annotated[Number, Field(ge=0, lt=100)] | None = Field(
        None, description="The same for those that are no near-tie of the reference; null: not limited by itself."
    )


class BaselineGate(Strict):
    """Loss of accuracy against an accepted run on the same images, by exact counts."""

    file: Location = Field(description="The baseline, written by `harness baseline update RUN FILE`.")
    top1_max_drop_pp: PercentagePoints = 0.10
    top5_max_drop_pp: PercentagePoints = 0.10


class Certify(Strict):
    """Sequential certification: images in a seeded random order until the drop is proven within or beyond."""

    top1_max_drop_pp: PercentagePoints = Field(0.10, description="Largest Top-1 drop that is still within.")
    confidence: Annotated[Number, Field(gt=0, lt=1)] = Field(
        0.95, description="At least this share of runs end without a false proof, however often one looks."
    )
    seed: Annotated[Whole, Field(ge=0, le=2**63 - 1)] = Field(0, description="Fixes the random order of the images.")


class StabilityGate(Strict):
    """Difference of later answers to the same images from the first ones, whatever else changes."""

    images: Count = Field(64, description="How many of the first images are asked for again.")
    max_abs_diff: Annotated[Number, AfterValidator(_can_fail), Field(ge=0, lt=1)] = Field(
        0.0, description="Largest absolute difference of a probability that still passes; 0: equal in every bit."
    )


class Gates(Strict):
    """The gates; `null` turns one off."""

    parity: ParityGate | None = ParityGate()
    target: TargetGate | None = TargetGate()
    drop: DropGate | None = DropGate()
    baseline: BaselineGate | None = None
    flips: FlipsGate | None = None
    stability: StabilityGate | None = None

    @property
    def added(self) -> tuple[str, ...]:
        """Gates on candidates that are off by default, and are on here."""
        return tuple(name for name in ("flips", "stability") if getattr(self, name) is not None)


class Published(Strict):
    """The published accuracy, in percent, and the number of images that it was measured on."""

    top1_percent: Percent
    top5_percent: Percent
    images: Count | None = Field(None, description="Size of the set that was measured; without it dataset.images.")
