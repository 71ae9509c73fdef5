"""The gate `stability`: compares the first predictions for some images with later ones, after several changes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from harness.config.gates import StabilityGate
from harness.record.figures import gate_part
from harness.record.schema import Figure, GatePart, StabilityPart, StabilityPass
from harness.text import printable

GATE = "stability"
WORDS = {
    "again": "repeated",
    "order": "in another order",
    "batch": "in another batch",
    "in_flight": "with more requests in flight",
    "later": "at the end",
}


def judge_stability(model: str, part: StabilityPart | None, gate: StabilityGate) -> GatePart:
    """Judge what was measured; every change is one figure, and the first one beyond the limit is named first.

    ``part``: None if nothing was measured.
    """
    passes = part.passes if part else ()
    figures = [Figure(name="images", value=part.images if part else None, unit="images", limit=gate.images,
                      limit_name="images"), *(_figure(item, gate) for item in passes)]  # fmt: skip
    if part is None or not (part.images or part.error):
        return gate_part(GATE, model, "not_applicable", "no image was evaluated", figures)
    if part.error is not None:
        return gate_part(GATE, model, "error", part.error, figures)
    if part.absent is not None:
        reason = (
            f"not checked: {printable(part.absent)}; run `harness validate` on a machine with that device, or set "
            "`gates.stability: null` for this candidate"
        )
        return gate_part(GATE, model, "inconclusive", reason, figures)
    tried = [item for item in passes if item.note is None]
    beyond = [item for item in tried if _is_beyond(item, gate)]
    left_out = "".join(f"; {item.change} {item.note}" for item in passes if item.note is not None)
    if not beyond and not any(item.became for item in tried):
        how = ", ".join(WORDS.get(item.change, item.change) for item in tried)
        within = "bit-identical" if gate.max_abs_diff == 0 else f"within {gate.max_abs_diff:g}"
        if not {"again", "order", "in_flight", "later"} <= {item.change for item in tried}:
            return gate_part(GATE, model, "error", "not every change was tried", figures)
        return gate_part(GATE, model, "pass", f"{part.images} images: {within} {how}{left_out}", figures)
    parts = [_cause(tried, beyond, gate)] if beyond else []
    parts += [_told(item, part.images) for item in beyond]
    parts += dict.fromkeys(printable(text) for item in tried for text in item.became)
    return gate_part(GATE, model, "fail", "; ".join(parts) + left_out, figures)


def _is_beyond(item: StabilityPass, gate: StabilityGate) -> bool:
    return item.max_abs_diff is None or item.max_abs_diff > gate.max_abs_diff


def _cause(tried: Sequence[StabilityPass], beyond: Sequence[StabilityPass], gate: StabilityGate) -> str:
    """Return what the pattern of the changes says, in the words of the fault."""
    broke = {item.change for item in beyond}
    moved = {item.change: item.max_abs_diff for item in tried}
    # Passes on the model that answered first, in the order in which they ran; `batch` runs on another one.
    course = [moved[name] for name in ("again", "order", "in_flight", "later") if name in moved]
    known = [value for value in course if value is not None]
    if len(known) == len(course) > 1 and all(one < other for one, other in itertools.pairwise(known)):
        return "the predictions drift: each pass differs more than the one before"
    if "again" in broke:
        return "repeating an image gives a different prediction"
    if broke == {"order"}:
        return "the predictions depend on the order of the images"
    if broke == {"batch"}:
        return "the predictions depend on the batch"
    if broke == {"in_flight"}:
        return "the predictions depend on the number of requests in flight"
    if broke <= {"batch", "in_flight"}:
        return "the predictions depend on what is computed at the same time"
    if not broke & {"again", "later"}:
        return "the predictions depend on which images are computed together, or on their order"
    if broke == {"later"}:
        return f"the predictions had changed at the end (beyond {gate.max_abs_diff:g})"
    return "the predictions change from some pass on"


def _told(item: StabilityPass, images: int) -> str:
    largest = "not a finite number" if item.max_abs_diff is None else f"by up to {item.max_abs_diff:.2g}"
    names = ", ".join(printable(moved.image) for moved in item.worst)
    return f"{WORDS.get(item.change, item.change)}: {item.differing} of {images} images differ, {largest} ({names})"


def _figure(item: StabilityPass, gate: StabilityGate) -> Figure:
    return Figure(
        name=f"{item.change}_max_abs_diff",
        value=item.max_abs_diff if item.note is None else None,
        unit="probability",
        limit=gate.max_abs_diff,
        limit_name="max_abs_diff",
        direction="at_most",
    )
