"""The gate `parity` with a yardstick: a candidate's error, divided by the error that its precision has anyway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.config.gates import ParityGate
from harness.judging.judged import Judged, not_applicable
from harness.metrics.outcome import Outcome
from harness.record.figures import gate_part
from harness.record.schema import Figure, GatePart, InputChange, Verdict, YardstickPart

GATE = "parity"
JUDGED = ("mean_ratio", "rms_ratio")  # the first sees many small errors, the second a few large ones
SHARE = "input_change_share"
_SHARE = 0.5  # of a change: less than half of it is another fault, or none
_SURE = 3.3  # standard errors: by chance one time in 2,000
_SHOWN = ("median_ratio", "percentile95_ratio")


@dataclass(frozen=True)
class Yardstick:
    """The error of each of the gate's images, float64; None: there is none, and ``reason`` says why.

    ``verdict``: that of the gate then; ``changes``: of the candidate's input, where they were measured.
    """

    errors: NDArray[np.float64] | None
    reason: str = ""
    verdict: Verdict = "error"
    changes: tuple[InputChange, ...] = ()


def of_precision(part: YardstickPart | None, precision: str) -> Yardstick:
    """Return what was measured of a candidate's own network."""
    if part is None or part.yardstick != precision:
        return Yardstick(None, "its yardstick was not measured")
    if part.error is not None:
        return Yardstick(None, part.error)
    return Yardstick(np.array(part.errors, np.float64), changes=part.input_changes)


def of_candidate(name: str, outcome: Outcome | None, images: int) -> Yardstick:
    """Return the errors of another candidate on the same images; None: it was not evaluated."""
    if outcome is None:
        return Yardstick(None, f"its yardstick {name} was not evaluated", "inconclusive")
    return Yardstick(errors_of(outcome, images))


def errors_of(outcome: Outcome, images: int) -> NDArray[np.float64]:
    """Return the mean absolute difference of each of the first images that are not bad."""
    first = outcome[:images]
    return np.asarray(first.mean_abs_diff[~first.is_bad], np.float64)


def ratios(errors: NDArray[np.float64], yardstick: NDArray[np.float64]) -> dict[str, float]:
    """Return the candidate's errors over the yardstick's at four places of their distributions over the images."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (
            errors.mean() / yardstick.mean(),
            np.sqrt(np.square(errors).mean() / np.square(yardstick).mean()),
            np.median(errors) / np.median(yardstick),
            np.percentile(errors, 95) / np.percentile(yardstick, 95),
        )
    return dict(zip((*JUDGED, *_SHOWN), map(float, found), strict=True))


def judge_ratio(judged: Judged, gate: ParityGate, yardstick: Yardstick) -> GatePart:
    """Judge the candidate's error on the first images by that of its yardstick."""
    errors, name = errors_of(judged.outcome, gate.images), gate.yardstick
    figures = [
        Figure(name="images", value=len(errors), unit="images", limit=gate.images, limit_name="images"),
        *(_figure(each, gate.max_ratio) for each in JUDGED),
    ]
    if not len(errors):
        return not_applicable(GATE, judged, "no image was compared", figures)

    def said(verdict: Verdict, reason: str) -> GatePart:
        return gate_part(GATE, judged.model, verdict, reason, figures)

    if yardstick.errors is None:
        return said(yardstick.verdict, yardstick.reason)
    if not np.isfinite(errors).all():
        return said("error", f"a probability on the first {len(errors)} images at {judged.precision} is not finite")
    if len(yardstick.errors) != len(errors):
        return said("error", f"its yardstick has {len(yardstick.errors)} images, but {len(errors)} were compared")
    if not yardstick.errors.any():
        return said(
            "inconclusive", f"its yardstick {name} changes no prediction; set `max_abs_diff` without `yardstick`"
        )
    found = ratios(errors, yardstick.errors)
    mending = mending_change(yardstick.changes)
    verdict = verdict_of([found[each] for each in JUDGED], gate.max_ratio, mending)
    measured = [
        figures[0],
        *(figure.model_copy(update={"value": found[figure.name]}) for figure in figures[1:]),
        *(Figure(name=each, value=found[each] if np.isfinite(found[each]) else None, unit="") for each in _SHOWN),
    ]
    mean, rms = (_beside(found[each], gate.max_ratio) for each in JUDGED)
    reason = (
        f"the error on the first {len(errors)} images at {judged.precision} is {mean} times (root mean square: {rms} "
        f"times) that of {name}, limit {gate.max_ratio:g}"
    )
    if mending is not None:
        measured.append(Figure(name=SHARE, value=mending.share, unit=""))
        reason += (
            f"; its error is that of other input: {mending.change} would take away {mending.share:.2f} of it "
            f"(standard error {mending.uncertainty:.2g})"
        )
    return gate_part(
        GATE, judged.model, verdict, reason, measured, warning=_never_exceeded(judged, gate, yardstick.errors)
    )


def _never_exceeded(judged: Judged, gate: ParityGate, errors: NDArray[np.float64]) -> str | None:
    """Return a warning where no candidate has so large an error: probabilities of N classes differ by 2 / N on average.

    The root mean square of the errors is at least their mean, so that the ratio of means may be the larger one.
    """
    largest = 2 / max(2, judged.classes)
    most = largest / float(errors.mean())
    if gate.max_ratio < most:
        return None
    return (
        f"the limit {gate.max_ratio:g} can never be exceeded: probabilities of {judged.classes:,} classes differ by at "
        f"most {largest:.2g} on average, {most:.3g} times the error of {gate.yardstick}"
    )


def mending_change(changes: Sequence[InputChange]) -> InputChange | None:
    """Return the change of the input that surely is in the error, to the larger part; None if there is none.

    The surest one; a share that no noise hides is at least ``_SURE`` standard errors.
    """
    sure = [each for each in changes if each.share >= _SHARE and each.share >= _SURE * each.uncertainty]
    return max(sure, key=lambda each: each.share / each.uncertainty if each.uncertainty else np.inf, default=None)


def verdict_of(found: list[float], most: float, mending: InputChange | None = None) -> Verdict:
    """Return whether each ratio is within the limit or equal to it, and no change of the input explains the error."""
    return "pass" if mending is None and all(value <= most for value in found) else "fail"


def _beside(measured: float, limit: float) -> str:
    """Return a number with as few digits as show on which side of the limit it lies."""
    texts = (f"{measured:.{digits}g}" for digits in range(3, 18))
    return next((text for text in texts if (float(text) <= limit) == (measured <= limit)), repr(measured))


def _figure(name: str, limit: float) -> Figure:
    return Figure(name=name, value=None, unit="", limit=limit, limit_name="max_ratio", direction="at_most")
