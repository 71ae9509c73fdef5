"""Finds contradictions in a record that no images could explain. Pure functions of the record, without numpy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from harness.errors import EXIT_NOTHING_DECIDED, EXIT_OK
from harness.judging.chance import passes_on_chance
from harness.judging.equal import same_number
from harness.judging.exit_codes import exit_code
from harness.judging.rules import Rules
from harness.record.figures import figures_of, gate_part
from harness.record.schema import Accuracy, Agreement, ChancePart, ComparisonPart, GatePart, ModelPart, RunRecord

LARGEST = 10**9  # images of a set, as in the configuration; what is larger does not fit into floating-point numbers


def own_faults(record: RunRecord, rules: Rules | None) -> Iterator[str]:
    """Yield a sentence for each way in which a record contradicts itself; the user reads the first.

    ``rules``: those of its configuration, None if it has none.
    """
    yield from _dataset_faults(record, rules)
    yield from _model_faults(record, rules)
    yield from _comparison_faults(record)
    yield from _interval_faults(record)
    known = {part.id for part in record.models} | {model.id for model in record.recorded_config.models}
    if repeated := _repeated(part.model for part in record.stability):
        yield f"the stability of {repeated} appears twice"
    if repeated := _repeated(part.model for part in record.yardsticks):
        yield f"the yardstick of {repeated} appears twice"
    for gate in record.gates:
        # A baseline may have a model that the run no longer has; its verdict says so.
        if gate.model not in known and (gate.gate, gate.verdict) != ("baseline", "error"):
            yield f"the gate {gate.gate} is about {gate.model[:80]!r}, which is not a model of the run"
        yield from _figure_faults(gate)
        if rules is not None and record.status != "complete" and gate.verdict != "error":
            yield f"the gate {gate.gate} of {gate.model} is '{gate.verdict}', but the run is '{record.status}'"
    if record.status == "complete":
        codes = {exit_code(record.gates, evaluated=good_images(record))}
        codes |= {EXIT_NOTHING_DECIDED} if record.dataset.evaluated == 0 else set()
        if record.exit_code not in codes:
            yield f"its exit code is {record.exit_code}, its gates mean {min(codes)}"
        yield from passes_on_chance(record)
    elif record.exit_code == EXIT_OK:
        yield f"its exit code is 0, but the run is '{record.status}'"


def good_images(record: RunRecord) -> int:
    """Return how many images the models saw: bad ones may count as wrong, but decide nothing."""
    counted = record.dataset.bad_images_policy == "wrong"
    return max(0, record.dataset.evaluated - (len(record.dataset.bad_images) if counted else 0))


def _dataset_faults(record: RunRecord, rules: Rules | None) -> Iterator[str]:
    data = record.dataset
    if max(data.listed, data.images) > LARGEST:
        yield "it says that the set has more than 10^9 images"
    if data.evaluated > data.listed:
        yield f"{data.evaluated} images were evaluated, {data.listed} are listed"
    if rules is None:
        return
    if data.images != (data.listed if rules.images is None else rules.images):
        yield f"its set has {data.images} images, the configuration and the list say otherwise"
    if data.bad_images_policy != rules.bad_images.policy:
        yield f"bad images are treated as '{data.bad_images_policy}', the configuration says otherwise"
    if record.status == "complete" and len(data.bad_images) > rules.bad_images.tolerated(data.listed):
        yield f"{len(data.bad_images)} bad images are more than the configuration allows"


def _model_faults(record: RunRecord, rules: Rules | None) -> Iterator[str]:
    ids = [part.id for part in record.models]
    if repeated := _repeated(ids):
        yield f"the model {repeated} appears twice"
    for part in record.models:
        for k, counted in ((1, part.top1), (5, part.top5)):
            if counted is not None:
                yield from _count_faults(counted, part.id, k, record.dataset.evaluated)
        if part.top1 and part.top5 and part.top1.correct > part.top5.correct:
            yield f"{part.id} has more images correct by Top-1 than by Top-5"
        if part.chance is not None and not _is_possible(part.chance, record.dataset.evaluated):
            yield f"the chance accuracy of {part.id} does not fit the {record.dataset.evaluated} evaluated images"
        if part.status != "ok" and (part.top1 or part.top5):
            yield f"{part.id} has counts, but its status is '{part.status}'"
    if rules is not None and record.status == "complete":
        yield from _configured_faults(record, rules)


def _is_possible(part: ChancePart, evaluated: int) -> bool:
    numbers = (part.expected_correct, part.standard_deviation, part.other_labels)
    return part.images <= evaluated and all(number <= part.images for number in numbers)


def _configured_faults(record: RunRecord, rules: Rules) -> Iterator[str]:
    ids = [part.id for part in record.models]
    wanted = [name for name in rules.models if name in ids or record.dataset.evaluated]
    if ids != wanted:
        yield f"its models are {', '.join(ids)[:200] or 'none'}, configured are {', '.join(rules.models)}"
    for part in record.models:
        if (part.role == "reference") != (part.id == rules.reference):
            yield f"{part.id} is a {part.role}, the configuration says otherwise"
        if part.status == "ok" and (part.top1 is None or part.top5 is None):
            yield f"{part.id} has no counts, but its status is 'ok'"
        if part.status == "unavailable" and part.id not in rules.optional:
            yield f"{part.id} is unavailable, but the configuration does not allow that"


def _repeated(names: Iterable[str]) -> str | None:
    return next((name[:80] for name, count in Counter(names).items() if count > 1), None)


def _count_faults(counted: Accuracy, model: str, k: int, evaluated: int) -> Iterator[str]:
    fits = counted.correct <= counted.total == evaluated
    if not fits or not same_number(counted.percent, 100 * counted.correct / evaluated if evaluated else None):
        yield f"the Top-{k} count of {model} is not a count of the {evaluated} evaluated images"


def _interval_faults(record: RunRecord) -> Iterator[str]:
    for part in record.models:
        for k, counted in ((1, part.top1), (5, part.top5)):
            if counted is None or counted.percent is None or counted.ci95_percent is None:
                continue
            low, high = counted.ci95_percent
            if not low - 1e-6 <= counted.percent <= high + 1e-6:
                yield f"the Top-{k} interval of {part.id} does not hold its own accuracy"


def _comparison_faults(record: RunRecord) -> Iterator[str]:
    counted = {part.id: part for part in record.models}
    if repeated := _repeated(part.candidate for part in record.comparisons):
        yield f"it compares {repeated} twice"
    for part in record.comparisons:
        before, after = counted.get(part.reference), counted.get(part.candidate)
        if before is None or after is None:
            yield f"it compares {part.candidate[:80]!r} with {part.reference[:80]!r}, which are not models of the run"
            continue
        yield from _agreement_faults(part.top1_agreement, part.candidate, record.dataset.evaluated)
        yield from _drop_faults(part, before, after)
    for pair in record.pairwise:
        if not {pair.first, pair.second} <= counted.keys():
            yield f"it compares {pair.first[:80]!r} with {pair.second[:80]!r}, which are not models of the run"
        yield from _agreement_faults(pair.top1_agreement, f"{pair.first} and {pair.second}", record.dataset.evaluated)


def _agreement_faults(part: Agreement, of: str, evaluated: int) -> Iterator[str]:
    fits = part.count <= part.total <= evaluated
    if not fits or not same_number(part.percent, 100 * part.count / part.total if part.total else None):
        yield f"the agreement of {of} is not a count of the {evaluated} evaluated images"


def _drop_faults(part: ComparisonPart, before: ModelPart, after: ModelPart) -> Iterator[str]:
    if before.top1 and after.top1 and before.top1.correct - after.top1.correct != part.flips.broken - part.flips.fixed:
        yield f"the flips of {part.candidate} do not add up to the difference of its Top-1 count"
    for k, old, new, stated in (
        (1, before.top1, after.top1, part.drop.top1_pp),
        (5, before.top5, after.top5, part.drop.top5_pp),
    ):
        if old and new and old.total and stated is not None:
            lost = 100 * (old.correct - new.correct) / old.total
            if not same_number(stated, lost):
                yield f"the Top-{k} drop of {part.candidate} is {stated} pp, its counts give {lost}"
    if before.top1 and not part.flips.broken + part.flips.fixed + part.flips.changed_wrong <= before.top1.total:
        yield f"the flips of {part.candidate} are more than there are images"
    if part.flips.near_ties is not None and part.flips.near_ties > part.flips.broken:
        yield f"{part.candidate} has more near-ties among its broken images than broken images"
    largest, mean = part.max_abs_diff, part.mean_abs_diff
    if largest is not None and mean is not None and not 0 <= mean <= largest * (1 + 1e-6):
        yield f"the mean difference of {part.candidate} is {mean}, the largest {largest}"


def _figure_faults(gate: GatePart) -> Iterator[str]:
    where, figures = f"the gate {gate.gate} of {gate.model}", figures_of(gate)
    beyond = [figure.name for figure in figures if figure.is_beyond]
    if gate.verdict == "pass" and beyond and gate.gate != "certify":  # whose bounds may be on both sides
        yield f"{where} passed, but its {beyond[0]} is over the limit"
    if repeated := _repeated(figure.name for figure in gate.figures):
        yield f"{where} has the figure {repeated} twice"
    if gate.figures:
        same = gate_part(gate.gate, gate.model, gate.verdict, gate.reason, gate.figures)
        for name in ("measured", "limit"):
            if getattr(same, name) != getattr(gate, name):
                yield f"{where} has different numbers in `{name}` than in `figures`"
