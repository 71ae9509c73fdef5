"""Which candidates may ship, and which of them is the best trade-off: a pure function of what was measured and judged.

Gates say what is acceptable, so speed is compared only among candidates that passed them. Speeds are measured during
the run, while images are decoded, so those near the fastest count as equal. docs/reports.md: what was rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from harness.record.figures import change_in_words
from harness.record.schema import ComparisonPart, GatePart, MatrixPart, ModelPart, Verdict

Standing = Literal["ships", "undecided", "fails", "error", "unavailable"]
NEAR_PERCENT = 15  # below the fastest; it still counts as equal at exactly so much
_ORDER: tuple[Standing, ...] = ("ships", "undecided", "fails", "error", "unavailable")
_AGAINST: tuple[tuple[Verdict, Standing], ...] = (("fail", "fails"), ("error", "error"), ("inconclusive", "undecided"))
_NAMED = 3  # candidates named by name in a sentence


def compare_candidates(
    models: Sequence[ModelPart], comparisons: Sequence[ComparisonPart], gates: Sequence[GatePart]
) -> MatrixPart:
    """Return all candidates in order, which of them may ship, and the best of those with the reason.

    ``models``: in the configuration's order. Drops are compared as exact fractions of integer counts. A missing speed,
    drop or size is worse than any that is there.
    """
    reached = [_Reached(part, at, comparisons) for at, part in enumerate(models) if part.role == "candidate"]
    stands = {item.id: standing(item.id, models, gates) for item in reached}
    ships = [item for item in reached if stands[item.id] == "ships"]
    best, why = _best(ships) if ships else (None, _none_ships(stands, models, gates))
    rest = sorted((item for item in reached if item is not best), key=lambda item: item.place_within(stands[item.id]))
    order = [*([best] if best else []), *rest]
    return MatrixPart(
        order=tuple(item.id for item in order),
        best=best.id if best else None,
        may_ship=tuple(item.id for item in order if stands[item.id] == "ships"),
        reason=why,
    )


def standing(candidate: str, models: Sequence[ModelPart], gates: Sequence[GatePart]) -> Standing:
    """Return where a candidate stands: it ships if a gate passed on it and none speaks against it or its reference."""
    status = next((part.status for part in models if part.id == candidate), "error")
    if status != "ok":
        return "unavailable" if status == "unavailable" else "error"
    verdicts = {gate.verdict for gate in gates if gate.model == candidate}
    for verdict, meant in _AGAINST:
        if verdict in verdicts:
            return meant
    return "ships" if "pass" in verdicts and not against_reference(models, gates) else "undecided"


def deciding_gates(candidate: str, gates: Sequence[GatePart]) -> tuple[str, ...]:
    """Return the gates that keep a candidate from shipping: those of its most serious verdict."""
    for verdict, _ in _AGAINST:
        found = tuple(gate.gate for gate in gates if (gate.model, gate.verdict) == (candidate, verdict))
        if found:
            return found
    return ()


def against_reference(models: Sequence[ModelPart], gates: Sequence[GatePart]) -> tuple[GatePart, ...]:
    """Return the gates that speak against the reference: what is compared with it proves nothing then."""
    references = {part.id for part in models if part.role == "reference"}
    against = {verdict for verdict, _ in _AGAINST}
    return tuple(gate for gate in gates if gate.model in references and gate.verdict in against)


class _Reached:
    """What a candidate reached, exactly. ``drop``: fraction of the images, positive is a loss."""

    def __init__(self, part: ModelPart, place: int, comparisons: Sequence[ComparisonPart]) -> None:
        self.id, self.place, self.bytes = part.id, place, part.model_bytes
        self.speed = None if part.rate is None else Fraction(repr(part.rate))
        self.interval = part.speed.images_per_second.ci95 if part.speed else None
        own = next((item for item in comparisons if item.candidate == part.id), None)
        total = part.top1.total if part.top1 else 0
        self.drop = Fraction(own.flips.broken - own.flips.fixed, total) if own and total else None
        if total and any(item.reference == part.id for item in comparisons):
            self.drop = Fraction(0)  # without a reference, the others are compared with this one

    @property
    def by_loss(self) -> tuple[bool, Fraction, bool, int, int]:
        """The smaller drop first, then the smaller model, then the configuration's order."""
        return self.drop is None, self.drop or Fraction(0), self.bytes is None, self.bytes or 0, self.place

    def place_within(self, stands: Standing) -> tuple[object, ...]:
        """Return what sorts all candidates but the best: by standing; the fastest first where it may ship."""
        at = _ORDER.index(stands)
        if stands == "ships":
            return at, self.speed is None, -(self.speed or Fraction(0)), self.by_loss
        return at, self.by_loss if stands in ("undecided", "fails") else self.place


def _best(ships: Sequence[_Reached]) -> tuple[_Reached, str]:
    """Return the best of the candidates that may ship, and one sentence why."""
    if len(ships) == 1:
        return ships[0], "the only candidate that may ship"
    group = f"{len(ships)} candidates that may ship"
    timed = [(item.speed, item) for item in ships if item.speed is not None]
    if not timed:
        best = min(ships, key=lambda item: item.by_loss)
        return best, f"{_edge(best, ships)} among the {group}; no speed was measured (cached)"
    fastest = max(speed for speed, _ in timed)
    near = [item for speed, item in timed if 100 * speed >= (100 - NEAR_PERCENT) * fastest]
    alone = all(item.interval is not None for item in ships)
    if alone:  # measured alone: as fast are those whose intervals the fastest one's overlaps
        least = next(item.interval[0] for speed, item in timed if speed == fastest and item.interval)
        near = [item for _, item in timed if item.interval and item.interval[1] >= least]
    best = min(near, key=lambda item: item.by_loss)
    passing = f"({_rate(fastest)} images/s)"
    untimed = len(ships) - len(timed)
    rest = f"; no speed was measured for {untimed} of them (cached)" if untimed else ""
    if len(near) == 1:
        return best, f"the fastest {passing} of {group}{rest}"
    as_fast = "as fast, by overlapping intervals, as" if alone else f"within {NEAR_PERCENT} % of"
    among = f"among the {len(near)} {as_fast} the fastest {passing}"
    return best, f"{_edge(best, near)} {among}; {len(ships)} candidates may ship{rest}"


def _edge(best: _Reached, among: Sequence[_Reached]) -> str:
    """Return by what the best stands out where speed does not decide."""
    lost = "Top-1 drop" if best.drop is None else f"Top-1 drop ({_pp(best.drop)})"
    as_little = [item for item in among if item.drop == best.drop]
    if len(as_little) == 1:
        return f"the smallest {lost}"
    as_small = [item for item in as_little if item.bytes == best.bytes]
    if len(as_small) == 1 and best.bytes is not None:
        return f"the smallest model ({best.bytes / 1e6:.3g} MB) with the smallest {lost}"
    size = "" if best.bytes is None else " and model size"
    return f"first in the configuration, with the smallest {lost}{size},"


def _none_ships(stands: dict[str, Standing], models: Sequence[ModelPart], gates: Sequence[GatePart]) -> str:
    """Return why no candidate may ship, the same reason once for all that it holds for."""
    if not stands:
        return "there is no candidate"
    reasons: dict[str, list[str]] = {}
    for candidate in sorted(stands, key=lambda name: _ORDER.index(stands[name])):
        reasons.setdefault(_obstacle(candidate, stands[candidate], models, gates), []).append(candidate)
    return f"no candidate may ship: {'; '.join(f'{reason} {_names(ids)}' for reason, ids in reasons.items())}"


def _obstacle(candidate: str, stands: Standing, models: Sequence[ModelPart], gates: Sequence[GatePart]) -> str:
    """Return what keeps a candidate from shipping, to be followed by its name."""
    if stands == "unavailable":
        return "no device for"
    if next(part.status for part in models if part.id == candidate) != "ok":
        return "no evaluation of"
    if deciding := deciding_gates(candidate, gates):
        done = {"fails": "failed", "error": "could not be judged", "undecided": "inconclusive"}[stands]
        return f"{' and '.join(deciding)} {done} for"
    if any((gate.model, gate.verdict) == (candidate, "pass") for gate in gates):
        gate = against_reference(models, gates)[0]
        return f"the reference {gate.model} has '{gate.verdict}' at {gate.gate}, so nothing is proven for"
    return "no gate passed for"


def _names(ids: Sequence[str]) -> str:
    return ", ".join(ids) if len(ids) <= _NAMED else f"{len(ids)} candidates"


def _rate(speed: Fraction) -> str:
    return f"{float(speed):,.0f}" if speed >= 100 else f"{float(speed):.1f}"


def _pp(drop: Fraction) -> str:
    return change_in_words(float(100 * drop)) if drop else "0 pp"
