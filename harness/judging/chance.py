"""Whether a yardstick is one: no gate passes on a reference that is no better than guessing. Without numpy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from harness.metrics.statistics import is_above, is_below
from harness.record.recorded_config import RecordedConfig
from harness.record.schema import ChancePart, GatePart, ModelPart, RunRecord

GATE = "chance"
SIGNIFICANCE = 0.01  # one-sided, of each of the two tests
MARGIN = 0.02  # of the way from guessing to always right: wrong input still gives a little more
FAR = 0.5  # of the published accuracy
_NORMAL = 2.3263478740408408  # the standard normal's quantile at 1 - SIGNIFICANCE
_FEW = 7  # images: half of a sound model's answers are right, and all of 7 are wrong in less than 1 % of all cases

Fault = tuple[ModelPart, str]


def chance_fault(
    model: str,
    role: str,
    correct: int,
    total: int,
    classes: int,
    published_percent: float | None,
    by_chance: ChancePart | None = None,
) -> str | None:
    """Return one sentence on why a model's accuracy is too low for a reference; None if it is not, or it is unknown.

    ``correct`` of ``total`` images by Top-1, bad images being wrong; ``classes``: without background. An exact binomial
    test has to reject "at most the guessing accuracy 1 / classes, and 2 % of the way from there to 1", or half of the
    published accuracy where that is less. Where accuracy is published, the test of "at least half of it" must not be
    rejected. ``by_chance``: what its answers are worth in random order; the same margin above that has to be rejected,
    which a model fails that always answers with the commonest label. None in old records.
    """
    if total == 0 or classes < 2:
        return None
    guessing = 1 / classes
    least = _least(guessing, published_percent)
    measured = f"{correct:,} of {total:,} images correct ({100 * correct / total:.2f} %)"
    subject = f"the {role} {model}"
    mend = "check the labels, and `input.color`, `mean` and `scale`"
    if not is_above(correct, total, least, SIGNIFICANCE):
        if correct == total:
            return f"{subject} has {measured}, too few images to tell it from guessing among {classes:,} classes"
        return f"{subject} is not clearly better than guessing among {classes:,} classes: {measured}; {mend}"
    if by_chance is not None and (fault := _unrelated(correct, by_chance, published_percent)):
        return f"{subject} {fault}: {measured}; {mend}"
    if published_percent and is_below(correct, total, FAR * published_percent / 100, SIGNIFICANCE):
        return f"{subject} is far below the published {published_percent:g} %: {measured}; {mend}"
    return None


def _least(guessing: float, published_percent: float | None) -> float:
    """Return the accuracy that has to be exceeded, as a fraction: a margin above guessing."""
    least = guessing + MARGIN * (1 - guessing)
    if published_percent is None:
        return least
    return min(least, max(guessing, FAR * published_percent / 100))  # of a very hard set, where little can be reached


def _unrelated(correct: int, found: ChancePart, published_percent: float | None) -> str | None:
    """Return what says that a model's answers do not depend on the images; None where they do, or too few could say.

    The number of right images in random order is taken as normal, with the margin's own variance added.
    """
    if found.same_probabilities and found.images > _FEW:
        return "gives the same probabilities for every image"
    if found.other_labels < _FEW:
        return None
    guessing = found.expected_correct / found.images
    least = _least(guessing, published_percent)
    margin = (least - guessing) / (1 - guessing) if guessing < 1 else 0.0
    variance = found.standard_deviation**2 + margin * (1 - margin) * (found.images - found.expected_correct)
    if correct - 0.5 - least * found.images > _NORMAL * math.sqrt(variance):
        return None
    if found.standard_deviation == 0:
        return "predicts the same class for every image"
    return (
        "is not clearly better than its own predictions in random order, of which "
        f"{found.expected_correct:.1f} would be correct on average"
    )


def chance_faults(models: Sequence[ModelPart], config: RecordedConfig, *, good: int) -> list[Fault]:
    """Return why the reference cannot be used, by its counts; without a reference, why each such candidate cannot.

    ``good``: how many of the evaluated images could be read. Empty if none could, and where nothing says among how many
    classes the models choose.
    """
    classes = config.dataset.classes
    if classes is None or good <= 0:
        return []
    role = "reference" if any(part.role == "reference" for part in models) else "candidate"
    published = config.published.top1_percent
    found = [
        (part, chance_fault(part.id, role, part.top1.correct, part.top1.total, classes, published, part.chance))
        for part in models
        if part.role == role and part.top1 is not None
    ]
    return [(part, fault) for part, fault in found if fault]


def faults_of_record(record: RunRecord) -> list[Fault]:
    """Return the same of a finished run; nothing is said of one that was not finished."""
    if record.status != "complete":
        return []
    counted_bad = len(record.dataset.bad_images) if record.dataset.bad_images_policy == "wrong" else 0
    return chance_faults(record.models, record.recorded_config, good=record.dataset.evaluated - counted_bad)


def without_passes(gates: Sequence[GatePart], faults: Sequence[Fault]) -> tuple[GatePart, ...]:
    """Return the gates with the ``faults`` first, each as its own verdict, and no pass left that depends on one.

    On a reference every gate rests, on a candidate its own.
    """
    said = tuple(GatePart(gate=GATE, model=part.id, verdict="inconclusive", reason=fault) for part, fault in faults)
    return (*said, *(_held_back(gate, faults) for gate in gates))


def passes_on_chance(record: RunRecord) -> Iterator[str]:
    """Yield what is wrong with a finished record in which a gate passed on an unusable reference."""
    for part, fault in faults_of_record(record):
        if any(gate.verdict == "pass" and _rests_on(gate, part) for gate in record.gates):
            yield f"a gate passed, but {fault}"


def _held_back(gate: GatePart, faults: Sequence[Fault]) -> GatePart:
    found = next((part for part, _ in faults if _rests_on(gate, part)), None)
    if found is None or gate.verdict != "pass":
        return gate
    reason = f"not decided, because {found.id} cannot be used as a reference (see the gate {GATE})"
    return gate.model_copy(update={"verdict": "inconclusive", "reason": reason})


def _rests_on(gate: GatePart, model: ModelPart) -> bool:
    return model.role == "reference" or gate.model == model.id
