"""The configuration of the gates, and of sequential certification."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from harness.config.types import Count, Location, Number, Percent, PercentagePoints, Strict, Whole


def _can_fail(value: float) -> float:
    if value >= 1:
        raise ValueError("probabilities differ by at most 1, so the gate could never fail; write a limit below 1")
    return value


PRECISIONS = ("f16", "bf16", "int8")  # as `yardstick` names them; any other name is a candidate's id


class ParityGate(Strict):
    """Difference from the reference on the first images: the largest one, or relative to that of a yardstick."""

    images: Count = Field(64, description="Number of images that are compared, from the first on.")
    max_abs_diff: Annotated[Number, AfterValidator(_can_fail), Field(ge=0, lt=1)] = Field(
        1.0e-3, description="Largest absolute difference of a probability that passes; below 1."
    )
    yardstick: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="`f16`, `bf16` or `int8`: divide the error by that of the candidate's own network rounded to this "
        "precision; or the id of another candidate: divide by its error. The gate then judges `max_ratio` instead of "
        "`max_abs_diff`.",
    )
    max_ratio: Annotated[Number, Field(gt=0)] = Field(
        2.0, description="Largest ratio of the candidate's error to the yardstick's that passes."
    )


class TargetGate(Strict):
    """Accuracy compared with the published numbers, on the whole set only."""

    top1_tolerance_pp: PercentagePoints = Field(
        0.10, description="Fails below the published Top-1 minus this; warns above the published Top-1 plus this."
    )
    top5_tolerance_pp: PercentagePoints = Field(0.10, description="The same for Top-5.")


class DropGate(Strict):
    """Loss of accuracy from the reference, on the same images."""

    top1_max_pp: PercentagePoints = Field(0.10, description="Largest loss of Top-1 that still passes.")
    top5_max_pp: PercentagePoints = Field(0.10, description="Largest loss of Top-5 that still passes.")


class FlipsGate(Strict):
    """Share of all images that are right in the reference and wrong in the candidate."""

    max_percent: Annotated[Number, Field(ge=0, lt=100)] = Field(
        1.0, description="Largest share of the images, in percent, that may be broken."
    )
    max_real_percent: Annotated[Number, Field(ge=0, lt=100)] | None = Field(
        None, description="The same, for images that are not near-ties of the reference; null: no separate limit."
    )


class BaselineGate(Strict):
    """Loss of accuracy from an accepted run on the same images, by exact counts."""

    file: Location = Field(description="The baseline, written by `harness baseline update RUN FILE`.")
    top1_max_drop_pp: PercentagePoints = Field(0.10, description="Largest loss of Top-1 that still passes.")
    top5_max_drop_pp: PercentagePoints = Field(0.10, description="Largest loss of Top-5 that still passes.")


class Certify(Strict):
    """Sequential certification: images in a seeded random order until the drop is proven within or above the limit."""

    top1_max_drop_pp: PercentagePoints = Field(0.10, description="Largest Top-1 drop that is still within the limit.")
    confidence: Annotated[Number, Field(gt=0, lt=1)] = Field(
        0.95, description="At least this share of runs end without a false proof, however often the result is checked."
    )
    seed: Annotated[Whole, Field(ge=0, le=2**63 - 1)] = Field(0, description="Seed of the random order of the images.")


class StabilityGate(Strict):
    """Difference of later predictions for the same images from the first ones, in other batches and orders."""

    images: Count = Field(64, description="How many of the first images are inferred again.")
    max_abs_diff: Annotated[Number, AfterValidator(_can_fail), Field(ge=0, lt=1)] = Field(
        0.0, description="Largest absolute difference of a probability that passes; 0: equal in every bit."
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


def _no_fraction(value: float) -> float:
    if 0 < value < 1:
        raise ValueError(f"is in percent, and {value:g} % is a fraction; write {100 * value:g}")
    return value


_Published = Annotated[Percent, AfterValidator(_no_fraction)]


class Published(Strict):
    """The published accuracy, and the number of images on which it was measured."""

    top1_percent: _Published = Field(description="Published Top-1 accuracy, in percent.")
    top5_percent: _Published = Field(description="Published Top-5 accuracy, in percent.")
    images: Count | None = Field(None, description="Size of the set that was measured. Default: `dataset.images`.")

    @model_validator(mode="after")
    def _top5_is_not_less(self) -> Self:
        if self.top5_percent < self.top1_percent:
            raise ValueError(
                f"top5_percent is {self.top5_percent:g}, less than the top1_percent of {self.top1_percent:g}, which no "
                "model reaches; swap the two"
            )
        return self
